//! A process that a test has started, with whatever that one starts.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process_group};

/// Killed when this is dropped, with its children.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts it in a process group of its own. None of the web servers leaves that, or lets its applications.
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        command.process_group(0).spawn().map(Self)
    }

    /// Whether it runs; if not, what it ended with.
    pub(crate) fn check(&mut self) -> io::Result<()> {
        match self.0.try_wait()? {
            None => Ok(()),
            Some(status) => Err(io::Error::other(format!("it has ended: {status}"))),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The group's id is the child's own, which nobody else has before it is waited for.
        _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        _ = self.0.wait();
    }
}
