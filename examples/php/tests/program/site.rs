//! A directory, and the program that serves it.

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use test_support::{Process, Result, free_port};

/// A directory that other users may read, with these files.
pub(crate) fn directory(files: &[(&str, &str)]) -> Result<TempDir> {
    let directory = TempDir::new()?;
    fs::set_permissions(&directory, Permissions::from_mode(0o755))?;
    for (name, content) in files {
        let file = directory.path().join(name);
        fs::create_dir_all(file.parent().ok_or("no parent")?)?;
        fs::write(file, content)?;
    }
    Ok(directory)
}

/// The program, serving.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) process: Process,
    pub(crate) port: u16,
    /// php-fpm's socket.
    pub(crate) socket: PathBuf,
}

impl Program {
    /// Starts it, in a process group of its own, and waits until it serves.
    pub(crate) fn start(site: &Path, arguments: &[&str]) -> Result<Self> {
        let port = free_port()?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_php"));
        command.arg(site).args(["--listen", &format!("127.0.0.1:{port}")]).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0);
        let mut process = Process::start(&mut command, || true)?;
        let stdout = process.child().stdout.take().ok_or("stdout is not piped")?;
        // It prints these lines once it listens and PHP runs.
        let lines: Vec<_> = BufReader::new(stdout).lines().take(2).collect::<std::io::Result<_>>()?;
        let [first, second] = &lines[..] else { return Err(format!("it exited after {lines:?}").into()) };
        assert!(first.contains(&format!(" at http://127.0.0.1:{port}/")), "{first}");
        let address = second.strip_prefix("php-fpm: unix:").ok_or_else(|| second.clone())?;
        let socket = PathBuf::from(address.split(';').next().unwrap_or_default());
        Ok(Self { process, port, socket })
    }
}
