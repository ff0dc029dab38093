//! An application in its own process.

use std::fs::{self, File};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A running process, stopped by its id on drop.
pub(crate) struct Process {
    child: Child,
    socket: PathBuf,
}

impl Process {
    /// Starts a process and waits until it accepts connections on its socket. The socket and the process's
    /// output are in this directory.
    pub(crate) fn start(mut command: Command, directory: &Path) -> io::Result<Self> {
        let output = directory.join("output");
        let file = File::create(&output)?;
        let child = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).spawn()?;
        let mut process = Self { child, socket: directory.join("socket") };
        let start = Instant::now();
        while UnixStream::connect(&process.socket).is_err() {
            if start.elapsed() > Duration::from_secs(60) || process.child.try_wait()?.is_some() {
                let output = fs::read_to_string(output).unwrap_or_default();
                return Err(io::Error::other(format!("the process did not start: {output}")));
            }
            sleep(Duration::from_millis(10));
        }
        Ok(process)
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // On SIGKILL php-fpm would leave its children running.
        test_support::end(&mut self.child);
        _ = fs::remove_file(&self.socket);
    }
}
