//! Echoes WebSocket messages, over FastCGI and over HTTP: for comparisons of the two.
//!
//! ```sh
//! cargo run --release -p axum-fcgi --example websocket_echo -- 127.0.0.1:9000 127.0.0.1:8000
//! ```
//! serves FastCGI on the first address, and HTTP on the second one if it is given. As a program of a web server (CGI, or
//! FastCGI with an inherited socket) it needs no arguments.

use std::env;
use std::error::Error;

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let router = Router::new().route("/ws", get(echo)).route("/", get(async || "Hello"));
    let mut addresses = env::args().skip(1);
    let Some(fastcgi) = addresses.next() else { return Ok(axum_fcgi::serve_auto(router).await?) };
    let fastcgi = axum_fcgi::serve(TcpListener::bind(fastcgi).await?, router.clone());
    match addresses.next() {
        Some(http) => {
            let http = axum::serve(TcpListener::bind(http).await?, router);
            tokio::try_join!(fastcgi.into_future(), http.into_future())?;
        }
        None => fastcgi.await?,
    }
    Ok(())
}

async fn echo(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(send_back)
}

async fn send_back(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        // Pings are answered, and a close is completed, by the library.
        if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err() {
            return;
        }
    }
}
