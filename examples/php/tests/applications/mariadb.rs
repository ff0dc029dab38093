//! MariaDB with a data directory of its own, and no port.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;
use test_support::{Process, Result, find_program};

/// A running server. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Mariadb {
    _process: Process,
    directory: TempDir,
}

impl Mariadb {
    pub(crate) fn start() -> Result<Self> {
        let directory = TempDir::new()?;
        // PHP connects as another user.
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755))?;
        let data = format!("--datadir={}", directory.path().join("data").display());
        // Else root's server would need a user `mysql`.
        let user = if rustix::process::geteuid().is_root() { &["--user=root"][..] } else { &[] };
        let install = Command::new(find_program(&["mariadb-install-db"])?)
            .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", &data])
            .args(user)
            .stdin(Stdio::null())
            .output()?;
        if !install.status.success() {
            return Err(format!("mariadb-install-db: {}", String::from_utf8_lossy(&install.stderr)).into());
        }
        let socket = directory.path().join("socket");
        let log = || File::options().create(true).append(true).open(directory.path().join("log"));
        let mut command = Command::new(find_program(&["mariadbd"])?);
        command.args(["--no-defaults", "--skip-networking", "--skip-grant-tables", &data]).args(user);
        // Nothing has to survive a crash.
        command.args(["--innodb-flush-log-at-trx-commit=0", "--skip-innodb-doublewrite"]);
        command.arg(format!("--socket={}", socket.display()));
        command.stdin(Stdio::null()).stdout(log()?).stderr(log()?);
        let started = Process::start(&mut command, || UnixStream::connect(&socket).is_ok());
        let log = || fs::read_to_string(directory.path().join("log")).unwrap_or_default();
        let process = started.map_err(|error| format!("{error}\n{}", log()))?;
        Ok(Self { _process: process, directory })
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    pub(crate) fn create_database(&self, name: &str) -> Result {
        let socket = format!("--socket={}", self.socket().display());
        let mut client = Command::new(find_program(&["mariadb"])?);
        let status =
            client.args(["--no-defaults", &socket, "-e", &format!("CREATE DATABASE {name}")]).status()?;
        if status.success() { Ok(()) } else { Err(format!("CREATE DATABASE: {status}").into()) }
    }
}
