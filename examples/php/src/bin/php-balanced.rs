//! The guest book with two php-fpm: if one is stopped, restarted or hangs, the other serves its requests.
//!
//! ```sh
//! cargo run -p php --bin php-balanced
//! ```
//!
//! It starts none: PHP_SOCKET and PHP_SOCKET_2 are their sockets. Both run the same files, and share their sessions
//! (`session.save_path`).

use std::env;
use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::serve::ListenerExt as _;
use axum_fcgi::tower_fcgi::client::{Balance, Pool};
use axum_fcgi::{ConnectionAddrs, DeferEof, PhpGateway};
use tokio::net::{TcpListener, UnixStream};
use tower_http::services::ServeDir;

const SITE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/site");

fn app(sockets: [String; 2]) -> Router {
    let pools = sockets.map(|socket| {
        // As many connections as pm.max_children.
        Pool::builder(move || UnixStream::connect(socket.clone())).max_size(4).build::<Body>()
    });
    // No script of the guest book takes a second: a php-fpm that sends no head for ten hangs. The gateway waits longer.
    let balance = Balance::builder(pools).max_head_wait(Duration::from_secs(10)).build();
    let book = PhpGateway::new(balance, SITE).files(ServeDir::new(SITE));
    Router::new().nest_service("/book", book)
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let argument = |name, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    let listener = TcpListener::bind(argument("LISTEN", "127.0.0.1:8080")).await?;
    let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
    let first = argument("PHP_SOCKET", "/tmp/php-example.sock");
    let app = app([first, argument("PHP_SOCKET_2", "/tmp/php-example-2.sock")]);
    let app = app.into_make_service_with_connect_info::<ConnectionAddrs>();
    // A request also runs if its client leaves right after it.
    axum::serve(DeferEof::new(listener), app).await
}
