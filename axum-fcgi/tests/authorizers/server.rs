//! The process of a web server: find, start, stop.

use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A running web server with its own directory, stopped by its process id on drop.
pub(crate) struct Server {
    process: Child,
    prefix: TempDir,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts one with the configuration that `text` creates from its address and directory; `arguments` come
    /// before the configuration's path. Waits until it accepts connections.
    pub(crate) fn start(
        program: &Path,
        arguments: &[&str],
        text: impl FnOnce(SocketAddr, &Path) -> String,
    ) -> io::Result<Self> {
        let prefix = TempDir::new()?;
        // Neither server inherits a socket; between this and their bind the port is free.
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
                return Err(io::Error::other(format!("the web server did not start: {}", server.logs())));
            }
            sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// The web server's output so far.
    pub(crate) fn logs(&self) -> String {
        let read = |name| fs::read_to_string(self.prefix.path().join(name)).unwrap_or_default();
        ["stdout", "stderr", "error.log"].map(read).concat()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // On SIGTERM both end their children; on SIGKILL they would leave them running.
        test_support::end(&mut self.process);
    }
}
