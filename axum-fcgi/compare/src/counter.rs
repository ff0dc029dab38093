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

    /// The command as words, to be completed with the counted program. It writes the count to standard error.
    pub(crate) const fn words(&self) -> &'static [&'static str] {
        self.command
    }

    /// The same as a command.
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
        self.count_in(&fs::read_to_string(output)?)
    }

    /// The count in what the command wrote to standard error.
    ///
    /// # Errors
    /// The output has no count.
    pub(crate) fn count_in(&self, output: &str) -> io::Result<f64> {
        (self.find)(output)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_of_callgrind_is_found() {
        let output = "\
==41== Callgrind, a call-graph generating cache profiler
==41== Events    : Ir
==41== Collected : 31415926
";
        let count = Counter::INSTRUCTIONS.count_in(output);
        assert!((count.unwrap() - 31_415_926.0).abs() < 0.5);
        assert!(Counter::INSTRUCTIONS.count_in("==41== Events    : Ir\n").is_err());
    }

    #[test]
    fn the_calls_of_strace_are_its_fourth_column() {
        let output = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.000300           3       100           read
 40.00    0.000200           2        97         3 write
------ ----------- ----------- --------- --------- ----------------
100.00    0.000500           2       197         3 total
";
        let count = Counter::SYSTEM_CALLS.count_in(output);
        assert!((count.unwrap() - 197.0).abs() < 0.5);
        assert!(Counter::SYSTEM_CALLS.count_in("100.00 total").is_err());
    }
}
