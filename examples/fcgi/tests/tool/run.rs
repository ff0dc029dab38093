//! Runs the tool as a process.

use std::ffi::OsStr;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::thread;

use serde_json::Value;
use test_support::Result;

/// The result of a run.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn command<I: IntoIterator<Item: AsRef<OsStr>>>(arguments: I) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fcgi"));
    command.args(arguments).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    command
}

pub(crate) fn fcgi(arguments: &[&str]) -> Result<Ran> {
    Ok(command(arguments).stdin(Stdio::null()).output()?.into())
}

/// Runs the tool with input on stdin.
pub(crate) fn fcgi_with(arguments: &[&str], stdin: Vec<u8>) -> Result<Ran> {
    let mut child =
        command(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut pipe = child.stdin.take().ok_or("no pipe")?;
    // The tool may exit before it has read all input.
    let writer = thread::spawn(move || pipe.write_all(&stdin).ok());
    let output = child.wait_with_output()?;
    writer.join().map_err(|_| "the writer panicked")?;
    Ok(output.into())
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Ran {
    /// Checks the exit code.
    pub(crate) fn exits(self, code: i32) -> Result<Self> {
        if self.code == Some(code) {
            return Ok(self);
        }
        Err(format!("exit code {:?} instead of {code}\n{}\n{}", self.code, self.stdout, self.stderr).into())
    }

    pub(crate) fn json(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.stdout).map_err(|error| format!("{error}: {}", self.stdout))?)
    }

    pub(crate) fn json_lines(&self) -> Result<Vec<Value>> {
        Ok(self.stdout.lines().map(serde_json::from_str).collect::<std::result::Result<_, _>>()?)
    }
}
