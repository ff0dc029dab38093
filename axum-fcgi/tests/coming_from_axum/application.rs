//! The application: one Router, served over FastCGI and over HTTP.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::HeaderName;
use axum::routing::{get, post};
use axum_fcgi::UnixSocket;
use tempfile::TempDir;
use test_support::Result;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub(crate) struct Application {
    directory: TempDir,
    fastcgi_port: u16,
    http_port: u16,
    _runtime: Runtime,
}

impl Application {
    pub(crate) fn start() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let runtime = Runtime::new()?;
        let _entered = runtime.enter();
        let socket = UnixSocket::new(directory.path().join("app.sock")).mode(0o666).bind()?;
        let fastcgi = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let http = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let (fastcgi_port, http_port) = (fastcgi.local_addr()?.port(), http.local_addr()?.port());
        runtime.spawn(axum_fcgi::serve(socket, app()).into_future());
        runtime.spawn(axum_fcgi::serve(fastcgi, app()).into_future());
        runtime.spawn(axum::serve(http, app()).into_future());
        Ok(Self { directory, fastcgi_port, http_port, _runtime: runtime })
    }

    /// A directory that ends with the application.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The unix socket, for FastCGI.
    pub(crate) fn socket(&self) -> String {
        self.directory().join("app.sock").display().to_string()
    }

    pub(crate) const fn fastcgi_port(&self) -> u16 {
        self.fastcgi_port
    }

    pub(crate) const fn http_port(&self) -> u16 {
        self.http_port
    }
}

fn app() -> Router {
    let large = || [(HeaderName::from_static("x-large"), "a".repeat(6_000))];
    Router::new()
        .route("/", get(async || "Hello, World!\n".repeat(100)))
        .route("/client", get(async |ConnectInfo(client): ConnectInfo<SocketAddr>| client.ip().to_string()))
        .route("/slow", get(std::future::pending::<()>))
        .route("/pause", get(async || tokio::time::sleep(Duration::from_millis(1)).await))
        .route("/large", get(async move || large()))
        .route("/upload", post(async |body: String| body.len().to_string()))
}
