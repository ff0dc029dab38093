//! The smallest application.
//!
//! `sh examples/hello/run` runs it behind nginx on <http://127.0.0.1:8080>, with this folder's `nginx.conf`. By hand:
//!
//! ```sh
//! cargo run -p hello -- /run/hello.sock www-data
//! ```
//!
//! Only root may write to `/run`. Debian's web servers run as the group `www-data`. The folder also has `apache.conf`,
//! `lighttpd.conf`, `Caddyfile`, `haproxy.cfg`, `h2o.conf` and, for OpenBSD, `httpd.conf`; each starts with the command
//! to run it. On Windows, which has no unix sockets, the argument is an address such as `127.0.0.1:9000`.

use std::io;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use axum_fcgi::FcgiListener;
#[cfg(unix)]
use axum_fcgi::UnixSocket;

fn app() -> Router {
    Router::new()
        .route("/", get(async || "Hello, World!\n"))
        .route("/hello/{name}", get(async |Path(name): Path<String>| format!("Hello, {name}!\n")))
}

#[tokio::main]
async fn main() -> io::Result<()> {
    axum_fcgi::serve(listen()?, app()).with_graceful_shutdown(stop()).await
}

#[cfg(unix)]
fn listen() -> io::Result<FcgiListener> {
    let mut arguments = std::env::args_os().skip(1);
    let Some(path) = arguments.next() else {
        return Err(io::Error::other("usage: hello PATH_OF_SOCKET [GROUP_OF_WEB_SERVER]"));
    };
    // `bind` replaces a socket that a killed process left behind, but not one in use. The web server's group may connect.
    let mut socket = UnixSocket::new(path).mode(0o660);
    if let Some(group) = arguments.next() {
        socket = socket.group(group.to_string_lossy().into_owned());
    }
    socket.bind()
}

#[cfg(not(unix))]
fn listen() -> io::Result<FcgiListener> {
    let address = std::env::args().nth(1).ok_or_else(|| io::Error::other("usage: hello IP:PORT"))?;
    FcgiListener::bind(address)
}

/// Completes on Ctrl-C.
#[cfg(not(unix))]
async fn stop() {
    tokio::signal::ctrl_c().await.expect("a handler for Ctrl-C can be installed");
}

/// Completes on SIGTERM or Ctrl-C.
#[cfg(unix)]
async fn stop() {
    let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .expect("a handler for SIGTERM can be installed");
    tokio::select! {
        _ = term.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
