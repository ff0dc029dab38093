//! Programs that count what a process does. Counts vary less than times.

use std::{fs, io, path::Path, process::Command};

use crate::application;

/// A program that runs another one and counts.
#[derive(Debug)]
pub(crate) struct Counter {
    pub(crate) label: &'static str,
    /// The program and its arguments.
    command: &'static [&'static str],
    /// Finds the count in the program's output.
    find: fn(&str) -> Option<&str>,
}

impl Counter {
    pub(crate) const ALL: [Self; 2] = [Self::INSTRUCTIONS, Self::SYSTEM_CALLS];

    pub(crate) const INSTRUCTIONS: Self = Self {
        label: "instructions, only user space",
        command: &["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"],
        find: |output| output.lines().find_map(|line| Some(line.split_once("Collected : ")?.1)),
    };

    pub(crate) const SYSTEM_CALLS: Self = Self {
        label: "system calls",
        command: &["strace", "-f", "-c"],
        // The fourth column of the total is the number of calls; the third is microseconds per call.
        find: |output| {
            let total = output.lines().find(|line| line.ends_with(" total"))?;
            total.split_whitespace().nth(3)
        },
    };

    /// The command, to be completed with the counted program. It writes the count to standard error.
    pub(crate) fn command(&self) -> Command {
        let [program, arguments @ ..] = self.command else { unreachable!("every counter has a program") };
        let mut command = Command::new(program);
        command.args(arguments);
        command
    }

    /// Reads the count from the command's standard error, in a file.
    ///
    /// # Errors
    /// The file cannot be read, or has no count.
    pub(crate) fn read(&self, output: &Path) -> io::Result<f64> {
        let output = fs::read_to_string(output)?;
        (self.find)(&output)
            .and_then(|count| count.trim().parse().ok())
            .ok_or_else(|| io::Error::other(format!("unexpected output of {}: {output}", self.command[0])))
    }
}

/// Checks that the counters are installed.
///
/// # Errors
/// One is not.
pub(crate) fn check_installed() -> io::Result<()> {
    for (program, argument) in [("valgrind", "--version"), ("strace", "-V")] {
        if !application::is_installed(program, argument) {
            return Err(io::Error::other(format!("{program} is not installed")));
        }
    }
    Ok(())
}

/// The number of decimal places that a count is printed with.
pub(crate) fn digits(count: f64) -> usize {
    usize::from(count < 100.0)
}
