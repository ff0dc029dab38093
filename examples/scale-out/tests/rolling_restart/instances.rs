//! The application's processes.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use test_support::{Process, Result, free_port};

/// Three instances, each with a fixed port.
pub(crate) struct Instances {
    pub(crate) ports: [u16; 3],
    processes: Vec<Process>,
}

impl Instances {
    pub(crate) fn start() -> Result<Self> {
        let ports = [free_port()?, free_port()?, free_port()?];
        let processes = ports.iter().map(|port| start(*port)).collect::<Result<_>>()?;
        Ok(Self { ports, processes })
    }

    /// Returns the process ids.
    pub(crate) fn ids(&mut self) -> Vec<u32> {
        self.processes.iter_mut().map(|process| process.child().id()).collect()
    }

    /// Stops an instance gracefully and starts it again. Returns the id of the new process.
    pub(crate) fn restart(&mut self, instance: usize) -> Result<u32> {
        let status = self.processes[instance].terminate()?;
        assert!(status.success(), "{status}");
        self.processes[instance] = start(self.ports[instance])?;
        Ok(self.processes[instance].child().id())
    }
}

/// Starts an instance and waits until it prints that it listens.
fn start(port: u16) -> Result<Process> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scale-out"));
    command.arg(format!("127.0.0.1:{port}")).stdout(Stdio::piped());
    let mut process = Process::start(&mut command, || true)?;
    let stdout = process.child().stdout.take().ok_or("no stdout")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    if line.starts_with("listening") {
        Ok(process)
    } else {
        Err(format!("expected \"listening at …\", got {line:?}").into())
    }
}
