//! A php-fpm that runs as long as this program.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use axum_fcgi::Address;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::args::Args;
use crate::user::php_user;

/// How long php-fpm may take to start, and to stop.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A php-fpm with a private configuration, and its socket in a directory of its own. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct PhpFpm {
    process: Child,
    directory: TempDir,
}

impl PhpFpm {
    /// Starts php-fpm, and waits until it accepts connections.
    ///
    /// # Errors
    /// If none is installed, or it does not start. The error says what to do.
    pub(crate) async fn start(args: &Args) -> Result<Self, String> {
        let program = find(&directories())?;
        let directory =
            tempfile::Builder::new().prefix("php-").tempdir().map_err(|error| error.to_string())?;
        let config = directory.path().join("php-fpm.conf");
        std::fs::write(&config, configuration(args, directory.path())?)
            .map_err(|error| format!("{}: {error}", config.display()))?;
        let mut command = Command::new(&program);
        command.args(["--nodaemonize", "--force-stderr", "--fpm-config"]).arg(&config).stdin(Stdio::null());
        // Ctrl-C in a terminal signals the group: php-fpm must not stop before the requests that it runs have ended.
        command.process_group(0);
        let process = command.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
        let mut fpm = Self { process, directory };
        match timeout(TIMEOUT, fpm.accepts()).await {
            Ok(None) => Ok(fpm),
            Ok(Some(status)) => Err(format!("{} did not start: {status}", program.display())),
            Err(_) => Err(format!("{} does not accept connections", program.display())),
        }
    }

    /// Waits until it accepts connections; `Some` if it exits instead.
    async fn accepts(&mut self) -> Option<ExitStatus> {
        while UnixStream::connect(self.socket()).await.is_err() {
            if let Ok(Some(status)) = self.process.try_wait() {
                return Some(status);
            }
            sleep(Duration::from_millis(10)).await;
        }
        None
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("fpm.sock")
    }

    /// The address for connections.
    pub(crate) fn address(&self) -> Address {
        Address::Unix(self.socket())
    }

    /// Waits until it exits on its own.
    ///
    /// # Cancel safety
    /// It can be called again.
    pub(crate) async fn exited(&mut self) -> io::Result<ExitStatus> {
        self.process.wait().await
    }

    /// Stops it, and waits until its processes have ended.
    pub(crate) async fn stop(mut self) {
        self.terminate();
        let _ = timeout(TIMEOUT, self.process.wait()).await;
    }

    /// SIGTERM makes php-fpm end its workers; SIGKILL would leave them.
    fn terminate(&self) {
        let id = self.process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(id) = id {
            let _ = kill_process(id, Signal::TERM);
        }
    }
}

impl Drop for PhpFpm {
    fn drop(&mut self) {
        self.terminate();
    }
}

/// Where programs are: PATH often has no `sbin`.
fn directories() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let sbin = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(sbin).collect()
}

/// The installed program, the newest first. Debian adds the version to its name, and Alpine does without the dot.
fn find(directories: &[PathBuf]) -> Result<PathBuf, String> {
    let versions = [8, 7].into_iter().flat_map(|major| (0..10).rev().map(move |minor| (major, minor)));
    let names = versions
        .flat_map(|(major, minor)| [format!("php-fpm{major}.{minor}"), format!("php-fpm{major}{minor}")]);
    let mut programs = ["php-fpm".to_owned()]
        .into_iter()
        .chain(names)
        .flat_map(|name| directories.iter().map(move |directory| directory.join(&name)));
    programs.find(|program| program.is_file()).ok_or_else(|| {
        "php-fpm is not installed. Install it, or name a running one with --fpm.\n\
        Debian, Ubuntu: apt install php-fpm; Fedora: dnf install php-fpm; Alpine: apk add php-fpm; macOS: brew install php"
            .to_owned()
    })
}

/// The configuration, for a socket in this directory.
fn configuration(args: &Args, directory: &Path) -> Result<String, String> {
    let names = php_user(args.user.as_deref(), &args.site)?;
    let directory = directory.to_str().ok_or("the path of the temporary directory is not UTF-8")?;
    Ok(include_str!("../php-fpm.conf")
        .replace("DIRECTORY/", &format!("{directory}/"))
        .replace("= USER", &format!("= {}", names.user))
        .replace("= GROUP", &format!("= {}", names.group))
        .replace("= WORKERS", &format!("= {}", args.workers)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_php_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let directories = ["no-such-directory".into(), directory.path().to_owned()];
        let error = find(&directories).unwrap_err();
        assert!(error.contains("Debian, Ubuntu: apt install php-fpm;"), "{error}");
        for name in ["php-fpm7.4", "php-fpm8.2", "php-fpm83"] {
            std::fs::write(directory.path().join(name), "").unwrap();
            assert_eq!(find(&directories).unwrap(), directory.path().join(name));
        }
    }
}
