//! A code block's program, which runs as another user than nginx.

use std::fs::{self, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;
use test_support::{Process, Result, Signal};

use crate::texts;

/// The user `nobody`, which each Linux distribution has.
const USER: (&str, u32) = ("nobody", 65_534);

/// Where the program listens, and the variable that sets it.
#[derive(Debug, Clone)]
enum Place {
    Socket { variable: &'static str, path: PathBuf },
    Port(u16),
}

#[derive(Debug)]
pub(crate) struct Application {
    program: PathBuf,
    place: Place,
    running: Option<Process>,
    directory: TempDir,
}

impl Application {
    /// Creates an application that listens at a socket, in a directory created by README's command.
    pub(crate) fn at_socket(program: &str, variable: &'static str) -> Result<Self> {
        let mut made = Self::new(program, Place::Port(0))?;
        let run = made.directory.path().join("run");
        let command = texts::directory_command().replace("/run/app", &run.display().to_string());
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("sudo() {{ \"$@\"; }}\n{command}")]).env("USER", USER.0);
        let status = shell.status()?;
        assert!(status.success(), "{command}: {status}");
        made.place = Place::Socket { variable, path: run.join("fcgi.sock") };
        Ok(made)
    }

    pub(crate) fn at_port(program: &str, port: u16) -> Result<Self> {
        Self::new(program, Place::Port(port))
    }

    /// Copies the program, because the user may have no access to the workspace's directory.
    fn new(program: &str, place: Place) -> Result<Self> {
        let directory = TempDir::new()?;
        fs::set_permissions(&directory, Permissions::from_mode(0o755))?;
        let copy = directory.path().join("program");
        // A process of its own writes the copy: one that another test forks at this moment would inherit the open file, and a
        // file that is open for writing cannot be executed.
        let status = Command::new("cp").arg(program).arg(&copy).status()?;
        assert!(status.success(), "cp {program}: {status}");
        Ok(Self { program: copy, place, running: None, directory })
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.uid(USER.1).gid(USER.1).current_dir("/");
        match &self.place {
            Place::Socket { variable, path } => command.env(variable, path),
            Place::Port(port) => command.env("PORT", port.to_string()),
        };
        command
    }

    pub(crate) fn start(&mut self) -> Result {
        self.running = Some(Process::start(&mut self.command(), || self.is_up())?);
        Ok(())
    }

    pub(crate) fn is_up(&self) -> bool {
        match &self.place {
            Place::Socket { path, .. } => UnixStream::connect(path).is_ok(),
            Place::Port(port) => TcpStream::connect(("127.0.0.1", *port)).is_ok(),
        }
    }

    /// Sends the signal and waits for the process to exit.
    pub(crate) fn end(&mut self, signal: Signal) -> Result {
        let mut process = self.running.take().ok_or("the application is not running")?;
        process.signal(signal)?;
        process.wait().map(drop)
    }

    /// Returns the address in nginx's notation.
    pub(crate) fn place(&self) -> String {
        match &self.place {
            Place::Socket { path, .. } => format!("unix:{}", path.display()),
            Place::Port(port) => format!("127.0.0.1:{port}"),
        }
    }
}
