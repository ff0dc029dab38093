//! Finds, starts and stops php-fpm.

use std::fs::{self, File};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The path of php-fpm, if it is installed. Distributions add its version to its name, and put it where only the superuser's
/// PATH looks.
pub(crate) fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    let entries = directories.filter_map(|directory| fs::read_dir(directory).ok()).flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let version = name.strip_prefix("php-fpm");
        version.is_some_and(|version| version.chars().all(|c| c.is_ascii_digit() || c == '.'))
            && path.is_file()
    })
}

/// A php-fpm with two processes, stopped by its process id on drop.
pub(crate) struct Fpm {
    process: Child,
    directory: TempDir,
}

impl Fpm {
    /// Starts php-fpm and waits until it accepts connections.
    pub(crate) fn start(program: &Path) -> io::Result<Self> {
        let directory = TempDir::new()?;
        let path = directory.path();
        fs::write(path.join("index.php"), include_str!("index.php"))?;
        let text = format!(
            "[global]\nerror_log = {0}/error.log\ndaemonize = no\n[www]\nuser = root\nlisten = {0}/socket\npm = static\n\
            pm.max_children = 2\nphp_admin_flag[log_errors] = on\n",
            path.display()
        );
        fs::write(path.join("fpm.conf"), text)?;
        let process = Command::new(program)
            .args(["--nodaemonize", "--allow-to-run-as-root", "--no-php-ini", "--fpm-config"])
            .arg(path.join("fpm.conf"))
            .stdin(Stdio::null())
            .stdout(File::create(path.join("stdout"))?)
            .stderr(File::create(path.join("stderr"))?)
            .spawn()?;
        let mut fpm = Self { process, directory };
        let start = Instant::now();
        while UnixStream::connect(fpm.socket()).is_err() {
            if start.elapsed() > Duration::from_secs(30) || fpm.process.try_wait()?.is_some() {
                let read = |name| fs::read_to_string(fpm.directory.path().join(name)).unwrap_or_default();
                let output = ["stdout", "stderr", "error.log"].map(read).concat();
                return Err(io::Error::other(format!("php-fpm did not start: {output}")));
            }
            sleep(Duration::from_millis(20));
        }
        Ok(fpm)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    pub(crate) fn script(&self) -> String {
        self.directory.path().join("index.php").display().to_string()
    }
}

impl Drop for Fpm {
    fn drop(&mut self) {
        // On SIGTERM it ends its children at once; SIGKILL would leave them.
        test_support::end(&mut self.process);
    }
}
