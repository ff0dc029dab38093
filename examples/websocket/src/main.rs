//! A chat over WebSockets. axum's `WebSocketUpgrade` is used as over HTTP.
//!
//! ```sh
//! FCGI_LISTEN=127.0.0.1:9000,http:127.0.0.1:9001 cargo run -p websocket
//! nginx -p /tmp -c $PWD/examples/websocket/nginx.conf
//! ```
//!
//! Each runs in a terminal of its own. Then open <http://127.0.0.1:8080> twice. nginx, Apache, Caddy and HAProxy send the
//! path of the WebSocket to port 9001, over HTTP, and everything else to port 9000, over FastCGI. lighttpd carries
//! WebSockets over FastCGI and needs only port 9000.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{ConnectInfo, State};
use axum::response::{Html, Response};
use axum::routing::{any, get};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::interval;

/// The most bytes of a message.
const MAX_MESSAGE: usize = 4096;

/// The time between pings. Web servers close a connection that is silent for a minute or so.
const PING: Duration = Duration::from_secs(25);

type Messages = broadcast::Sender<Utf8Bytes>;

fn app() -> Router {
    let (messages, _) = broadcast::channel(64);
    Router::new()
        .route("/", get(async || Html(include_str!("page.html"))))
        // Not only `get`: `WebSocketUpgrade` also takes the CONNECT of HTTP/2, where the application serves that itself.
        .route("/ws", any(enter))
        .with_state(messages)
}

async fn enter(
    upgrade: WebSocketUpgrade,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    State(messages): State<Messages>,
) -> Response {
    upgrade.max_message_size(MAX_MESSAGE).on_upgrade(async move |mut socket| {
        // Fails if the client has gone.
        let _ = chat(&mut socket, &messages, client).await;
        let frame = CloseFrame { code: close_code::AWAY, reason: Utf8Bytes::default() };
        let _ = socket.send(Message::Close(Some(frame))).await;
    })
}

/// Sends each client's messages to all clients, until this client leaves or the program stops.
async fn chat(socket: &mut WebSocket, messages: &Messages, client: SocketAddr) -> Result<(), axum::Error> {
    let mut others = messages.subscribe();
    let mut ping = interval(PING);
    let greeting = format!(r#"{{"you":"{}"}}"#, client.ip());
    socket.send(Message::text(greeting)).await?;
    loop {
        tokio::select! {
            received = socket.recv() => match received {
                // Fails only if no client is connected.
                Some(Ok(Message::Text(text))) => drop(messages.send(text)),
                Some(Ok(Message::Close(_))) | None => {
                    // Sends the reply to a close.
                    let _ = socket.recv().await;
                    return Ok(());
                }
                // tungstenite answers a ping.
                Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => {}
                Some(Err(error)) => return Err(error),
            },
            message = others.recv() => match message {
                Ok(text) => socket.send(Message::Text(text)).await?,
                // This client reads too slowly, and misses some.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Ok(()),
            },
            _ = ping.tick() => socket.send(Message::Ping("".into())).await?,
        }
    }
}

#[tokio::main]
async fn main() -> io::Result<()> {
    serve(app()).await
}

#[cfg(unix)]
async fn serve(router: Router) -> io::Result<()> {
    axum_fcgi::serve_auto(router).await
}

/// `serve_auto` needs Unix. This always listens at the addresses of the configurations.
#[cfg(not(unix))]
async fn serve(router: Router) -> io::Result<()> {
    use axum_fcgi::FcgiListener;

    let http = FcgiListener::bind("127.0.0.1:9001")?;
    axum_fcgi::serve(FcgiListener::bind("127.0.0.1:9000")?, router).with_upgrades_over_http(http).await
}
