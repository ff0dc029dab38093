//! A program that runs as long as a test needs it.

use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

use crate::Result;

/// A process, ended by its id when this is dropped.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts a program, and waits until it is `ready`.
    ///
    /// # Errors
    /// When it cannot be started, or ends before it is ready.
    pub fn start(command: &mut Command, ready: impl Fn() -> bool) -> Result<Self> {
        let mut process = Self(command.spawn()?);
        let what = command.get_program().to_string_lossy().into_owned();
        wait_for(&what, || match process.0.try_wait()? {
            None => Ok(ready()),
            Some(status) => Err(format!("{what} has ended: {status}").into()),
        })?;
        Ok(process)
    }

    /// Sends SIGTERM, and waits for the end.
    ///
    /// # Errors
    /// When there is no such process any more, or it has not ended in a minute.
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.wait()
    }

    /// Sends SIGKILL, and waits for the end.
    ///
    /// # Errors
    /// When there is no such process any more.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        self.0.kill()?;
        Ok(self.0.wait()?)
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// When it has not ended in a minute.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        let mut status = None;
        wait_for("the end of a process", || {
            status = self.0.try_wait()?;
            Ok(status.is_some())
        })?;
        status.ok_or_else(|| "it has no status".into())
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When there is no such process any more.
    pub fn signal(&self, signal: Signal) -> Result {
        Ok(kill_process(Pid::from_child(&self.0), signal)?)
    }

    /// The program's end of a pipe, where it was started with one.
    pub fn child(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

/// How long a process may take to end on SIGTERM before it is killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ends a process, in a bounded time: with SIGTERM, so that it removes what it has made and ends what it has started,
/// and with SIGKILL if it has not ended after ten seconds. For `Drop`, where there is no way to report an error.
pub fn end(process: &mut Child) {
    end_within(process, PATIENCE);
}

fn end_within(process: &mut Child, patience: Duration) {
    let is_running = |process: &mut Child| matches!(process.try_wait(), Ok(None));
    if is_running(process) {
        let _ = kill_process(Pid::from_child(process), Signal::TERM);
    }
    let start = Instant::now();
    while is_running(process) {
        if start.elapsed() > patience {
            let _ = process.kill();
            let _ = process.wait();
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Asks again and again, for what does not tell when it is ready. The limit is there to turn a hang into a failure.
///
/// # Errors
/// When `ready` gives one, or the limit is over.
pub fn wait_for(what: &str, mut ready: impl FnMut() -> Result<bool>) -> Result {
    let start = Instant::now();
    while !ready()? {
        if start.elapsed() > Duration::from_secs(60) {
            return Err(format!("{what}: nothing in a minute").into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A shell that ignores SIGTERM, once it has said so.
    fn stubborn(patience: Duration) -> Duration {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' TERM; echo; while :; do read -r line || exec sleep 600; done"]);
        let mut child =
            shell.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped()).spawn().unwrap();
        std::io::Read::read_exact(&mut child.stdout.take().unwrap(), &mut [0]).unwrap();
        let start = Instant::now();
        end_within(&mut child, patience);
        assert!(child.try_wait().unwrap().is_some(), "it is gone");
        start.elapsed()
    }

    #[test]
    fn what_ignores_sigterm_is_killed() {
        let patience = Duration::from_millis(100);
        assert!(stubborn(patience) >= patience);
    }
}
