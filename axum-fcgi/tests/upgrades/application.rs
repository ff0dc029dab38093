//! The application: axum's WebSocket echo, unchanged.

use std::env;
use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;

use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::any;
use test_support::Result;
use tokio::runtime::{self, Runtime};

/// Whether a web server has started this program, as a CGI program.
pub(crate) fn is_this() -> bool {
    env::var_os("GATEWAY_INTERFACE").is_some()
}

/// Runs the application that a web server has started.
pub(crate) fn run() -> ExitCode {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(axum_fcgi::serve_auto(app()).into_future())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Serves the application on a port of its own.
pub(crate) fn serve() -> Result<(Runtime, u16)> {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (listener, port) = listen(&runtime)?;
    runtime.spawn(axum_fcgi::serve(listener, app()).into_future());
    Ok((runtime, port))
}

/// Serves the application on a port for FastCGI, and on another one for upgrades over HTTP.
pub(crate) fn serve_both() -> Result<(Runtime, u16, u16)> {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (fastcgi, fastcgi_port) = listen(&runtime)?;
    let (http, http_port) = listen(&runtime)?;
    runtime.spawn(axum_fcgi::serve(fastcgi, app()).with_upgrades_over_http(http).into_future());
    Ok((runtime, fastcgi_port, http_port))
}

fn listen(runtime: &Runtime) -> Result<(tokio::net::TcpListener, u16)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    Ok((runtime.block_on(async { tokio::net::TcpListener::from_std(listener) })?, port))
}

fn app() -> Router {
    Router::new()
        .route("/ws", any(async |upgrade: WebSocketUpgrade| -> Response { upgrade.on_upgrade(echo) }))
        .fallback(async |body: Bytes| format!("{} bytes", body.len()))
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err() {
            return;
        }
    }
}
