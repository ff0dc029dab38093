//! php-fpm with a configuration of its own.

use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::program::find_program;
use crate::{Process, Result, Signal, wait_for};

/// A running php-fpm. It ends when this is dropped.
#[derive(Debug)]
pub struct PhpFpm {
    program: PathBuf,
    directory: PathBuf,
    arguments: Vec<String>,
    process: Option<Process>,
}

impl PhpFpm {
    /// The installed program. Debian adds the version to its name.
    ///
    /// # Errors
    /// If it is not installed.
    pub fn find() -> std::result::Result<PathBuf, String> {
        let versions = (0..10).rev().map(|minor| format!("php-fpm8.{minor}"));
        let names: Vec<_> = ["php-fpm".to_owned()].into_iter().chain(versions).collect();
        find_program(&names.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Starts it with `children` workers, which listen on [`socket`](Self::socket). `settings` are further lines of the
    /// pool's configuration. All files lie in `directory`, which must outlive the process.
    ///
    /// # Errors
    /// If it does not start. The error has its log.
    pub fn start(program: &Path, directory: &Path, children: usize, settings: &str) -> Result<Self> {
        let config = format!(
            "[global]\nerror_log = {0}/error.log\ndaemonize = no\n[www]\nuser = root\nlisten = {0}/socket\n\
            pm = static\npm.max_children = {children}\nphp_admin_flag[log_errors] = on\n{settings}",
            directory.display()
        );
        Self::start_with(program, directory, &config)
    }

    /// Starts it with a whole configuration, whose pool must listen on [`socket`](Self::socket).
    ///
    /// # Errors
    /// If it does not start. The error has its log.
    pub fn start_with(program: &Path, directory: &Path, config: &str) -> Result<Self> {
        fs::write(directory.join("fpm.conf"), config)?;
        let (program, directory) = (program.to_owned(), directory.to_owned());
        let mut fpm = Self { program, directory, arguments: Vec::new(), process: None };
        fpm.restart()?;
        Ok(fpm)
    }

    /// Ends it and starts it again, with more arguments on its command line.
    ///
    /// # Errors
    /// If it does not start. The error has its log.
    pub fn restart_with(&mut self, arguments: &[&str]) -> Result {
        self.arguments.extend(arguments.iter().map(ToString::to_string));
        self.restart()
    }

    /// Ends it and starts it again, with the same configuration.
    ///
    /// # Errors
    /// If it does not start. The error has its log.
    pub fn restart(&mut self) -> Result {
        self.stop();
        let mut command = Command::new(&self.program);
        command.args(["--nodaemonize", "--allow-to-run-as-root", "--no-php-ini", "--fpm-config"]);
        command.arg(self.directory.join("fpm.conf")).args(&self.arguments).stdin(Stdio::null());
        command.stdout(File::create(self.directory.join("stdout"))?);
        command.stderr(File::create(self.directory.join("stderr"))?);
        let started = Process::start(&mut command, || UnixStream::connect(self.socket()).is_ok());
        self.process = Some(started.map_err(|error| format!("{error}\n{}", self.log()))?);
        Ok(())
    }

    /// Ends it. SIGTERM makes it end its workers, too; SIGKILL would leave them.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Its process id, whose children are the workers; `None` after [`stop`](Self::stop).
    pub fn process_id(&mut self) -> Option<u32> {
        self.process.as_mut().map(|process| process.child().id())
    }

    /// Reloads it, and waits until the new workers are ready. The socket stays open.
    ///
    /// # Errors
    /// If it does not run, or is not ready within a minute.
    pub fn reload(&self) -> Result {
        let ready = || self.log().matches("ready to handle connections").count();
        let before = ready();
        self.process.as_ref().ok_or("php-fpm does not run")?.signal(Signal::USR2)?;
        wait_for("the reload of php-fpm", || Ok(ready() > before))
    }

    /// The number of its workers.
    ///
    /// # Errors
    /// If it does not run.
    pub fn workers(&mut self) -> Result<usize> {
        let id = self.process.as_mut().ok_or("php-fpm does not run")?.child().id();
        Ok(fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?.split_whitespace().count())
    }

    /// All that it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        let read = |name| fs::read_to_string(self.directory.join(name)).unwrap_or_default();
        ["stdout", "stderr", "error.log"].map(read).concat()
    }

    /// The socket on which its workers listen.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.directory.join("socket")
    }
}
