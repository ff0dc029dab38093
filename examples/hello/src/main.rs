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
//! to run it.

use std::io;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use axum_fcgi::UnixSocket;

fn app() -> Router {
    Router::new()
        .route("/", get(async || "Hello, World!\n"))
        .route("/hello/{name}", get(async |Path(name): Path<String>| format!("Hello, {name}!\n")))
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let Some(path) = arguments.next() else {
        return Err(io::Error::other("usage: hello PATH_OF_SOCKET [GROUP_OF_WEB_SERVER]"));
    };
    // `bind` replaces a socket that a killed process left behind, but not one in use. The web server's group may connect.
    let mut socket = UnixSocket::new(path).mode(0o660);
    if let Some(group) = arguments.next() {
        socket = socket.group(group.to_string_lossy().into_owned());
    }
    let listener = socket.bind()?;
    axum_fcgi::serve(listener, app()).with_graceful_shutdown(stop()).await
}

/// Completes on SIGTERM or Ctrl-C.
async fn stop() {
    let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .expect("a handler for SIGTERM can be installed");
    tokio::select! {
        _ = term.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
