//! Builds and starts programs for a test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use test_support::{Process, Result};

use super::Started;

/// Runs a program and returns the first line of its output.
pub(super) fn first_line(program: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(text.lines().next()?.to_owned())
}

/// Runs a compiler.
pub(super) fn run(command: &mut Command) -> Result {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
    .into())
}

/// Creates a folder that is kept between runs, so that builds are incremental.
pub(super) fn folder(name: &str) -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Starts a program that listens at a unix socket, which is its only argument.
pub(super) fn start(program: &Path) -> Result<Started> {
    let directory = tempfile::TempDir::new()?;
    let socket = directory.path().join("socket");
    let mut command = Command::new(program);
    command.arg(&socket).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let process = Process::start(&mut command, || std::os::unix::net::UnixStream::connect(&socket).is_ok())?;
    let arguments =
        vec![socket.display().to_string(), "/".to_owned(), "--echo".to_owned(), "/echo".to_owned()];
    Ok(Started { arguments, _alive: vec![Box::new(process), Box::new(directory)] })
}
