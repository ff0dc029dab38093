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
    /// When there is no such process any more.
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        kill_process(Pid::from_child(&self.0), Signal::TERM)?;
        Ok(self.0.wait()?)
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
        // SIGTERM, so that it removes what it has made and ends what it has started.
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = self.terminate();
        }
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
