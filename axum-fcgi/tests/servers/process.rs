//! A process that a test has started, and that process's children.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process_group};

/// Killed on drop, with its children.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts it in its own process group. None of the web servers leaves that, or lets its applications
    /// leave it.
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        command.process_group(0).spawn().map(Self)
    }

    /// Fails with the exit status if the process has ended.
    pub(crate) fn check(&mut self) -> io::Result<()> {
        match self.0.try_wait()? {
            None => Ok(()),
            Some(status) => Err(io::Error::other(format!("the process has ended: {status}"))),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The group's id is the child's process id, which is not reused before `wait`.
        _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        _ = self.0.wait();
    }
}
