//! An application that echoes request bodies, on a TCP port and on a unix socket.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use tempfile::TempDir;
use test_support::Result;
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::{Builder, Runtime};

/// Ends on drop.
#[derive(Debug)]
pub(crate) struct Application {
    port: u16,
    socket: PathBuf,
    _directory: TempDir,
    _runtime: Runtime,
}

impl Application {
    pub(crate) fn start() -> Result<Self> {
        let directory = TempDir::new()?;
        let socket = directory.path().join("app.sock");
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let port = runtime.block_on(async {
            let tcp = TcpListener::bind(("127.0.0.1", 0)).await?;
            let port = tcp.local_addr()?.port();
            let app = Router::new()
                .route("/unread/{number}", post(async || "unread"))
                .fallback(async |body: Bytes| body);
            tokio::spawn(axum_fcgi::serve(UnixListener::bind(&socket)?, app.clone()).into_future());
            tokio::spawn(axum_fcgi::serve(tcp, app).into_future());
            Result::Ok(port)
        })?;
        Ok(Self { port, socket, _directory: directory, _runtime: runtime })
    }

    /// The application's addresses in a configuration, and the real ones.
    pub(crate) fn values(&self, config: &str) -> Vec<(&'static str, String)> {
        let sockets =
            ["/run/app/fcgi.sock", "/run/hello.sock", "app.sock"].map(|name| (name, shown(&self.socket)));
        let ports = ["9000", "9001", "9002", "9003"].map(|name| (name, self.port.to_string()));
        sockets.into_iter().chain(ports).filter(|(name, _)| config.contains(name)).collect()
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// The values in the form that starting a web server requires.
pub(crate) fn as_displayed<'a>(values: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a dyn Display)> {
    values.iter().map(|(name, value)| (*name, value as &dyn Display)).collect()
}
