//! Child processes of a test.

use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

use crate::Result;

/// A child process. It ends when this is dropped.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts a program and waits until it is `ready`.
    ///
    /// # Errors
    /// If it does not start, or exits before it is ready.
    pub fn start(command: &mut Command, ready: impl Fn() -> bool) -> Result<Self> {
        let mut process = Self(command.spawn()?);
        let what = command.get_program().to_string_lossy().into_owned();
        wait_for(&what, || match process.0.try_wait()? {
            None => Ok(ready()),
            Some(status) => Err(format!("{what} exited early: {status}").into()),
        })?;
        Ok(process)
    }

    /// Sends SIGTERM and waits for the exit.
    ///
    /// # Errors
    /// If the process is gone, or has not exited within a minute.
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.wait()
    }

    /// Sends SIGKILL and waits for the exit.
    ///
    /// # Errors
    /// If the process is gone.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        self.0.kill()?;
        Ok(self.0.wait()?)
    }

    /// Waits for the exit.
    ///
    /// # Errors
    /// If it has not exited within a minute.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        let mut status = None;
        wait_for("the exit of a process", || {
            status = self.0.try_wait()?;
            Ok(status.is_some())
        })?;
        status.ok_or_else(|| "no exit status".into())
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// If the process is gone.
    pub fn signal(&self, signal: Signal) -> Result {
        Ok(kill_process(Pid::from_child(&self.0), signal)?)
    }

    /// The process itself, for example for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

/// How long a process may take to exit after SIGTERM.
const TERM_TIMEOUT: Duration = Duration::from_secs(10);

/// Ends a process in bounded time: with SIGTERM, so that it can clean up and end its own children, and with SIGKILL if it has
/// not exited after ten seconds. For `Drop`, which cannot report errors.
pub fn end(process: &mut Child) {
    end_within(process, TERM_TIMEOUT);
}

fn end_within(process: &mut Child, timeout: Duration) {
    let is_running = |process: &mut Child| matches!(process.try_wait(), Ok(None));
    if is_running(process) {
        let _ = kill_process(Pid::from_child(process), Signal::TERM);
    }
    let start = Instant::now();
    while is_running(process) {
        if start.elapsed() > timeout {
            let _ = process.kill();
            let _ = process.wait();
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Polls until `ready` returns true, for what sends no signal. The limit of a minute turns a hang into a failure.
///
/// # Errors
/// If `ready` fails, or the limit is over.
pub fn wait_for(what: &str, mut ready: impl FnMut() -> Result<bool>) -> Result {
    let start = Instant::now();
    while !ready()? {
        if start.elapsed() > Duration::from_secs(60) {
            return Err(format!("{what}: timed out after a minute").into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The time to end a shell that ignores SIGTERM.
    fn stubborn(timeout: Duration) -> Duration {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' TERM; echo; while :; do read -r line || exec sleep 600; done"]);
        let mut child =
            shell.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped()).spawn().unwrap();
        std::io::Read::read_exact(&mut child.stdout.take().unwrap(), &mut [0]).unwrap();
        let start = Instant::now();
        end_within(&mut child, timeout);
        assert!(child.try_wait().unwrap().is_some(), "it has exited");
        start.elapsed()
    }

    #[test]
    fn a_process_that_ignores_sigterm_is_killed() {
        let timeout = Duration::from_millis(100);
        assert!(stubborn(timeout) >= timeout);
    }
}
