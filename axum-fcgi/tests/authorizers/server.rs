//! The process of a web server: found, started, stopped.

use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Where a program is, if it is. Distributions put these into a directory for the superuser's programs, which
/// is not in the PATH of others.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|program| program.is_file())
}

/// A running web server with a directory of its own, stopped by its process id when this is dropped.
pub(crate) struct Server {
    process: Child,
    prefix: TempDir,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts one with the configuration that `text` makes of its address and its directory; `arguments` are
    /// what stands before the configuration's name. Waits until it takes connections.
    pub(crate) fn start(
        program: &Path,
        arguments: &[&str],
        text: impl FnOnce(SocketAddr, &Path) -> String,
    ) -> io::Result<Self> {
        let prefix = TempDir::new()?;
        // Neither of the servers inherits a socket; between this and their bind the port is free.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let config = prefix.path().join("server.conf");
        fs::write(&config, text(address, prefix.path()))?;
        let process = Command::new(program)
            .args(arguments)
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(File::create(prefix.path().join("stdout"))?)
            .stderr(File::create(prefix.path().join("stderr"))?)
            .spawn()?;
        let mut server = Self { process, prefix, address };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            if start.elapsed() > Duration::from_secs(30) || server.process.try_wait()?.is_some() {
                return Err(io::Error::other(format!("it did not start: {}", server.logs())));
            }
            sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// What it has written so far.
    pub(crate) fn logs(&self) -> String {
        let read = |name| fs::read_to_string(self.prefix.path().join(name)).unwrap_or_default();
        ["stdout", "stderr", "error.log"].map(read).concat()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both end their children on SIGTERM; on SIGKILL they would leave them.
        test_support::end(&mut self.process);
    }
}
