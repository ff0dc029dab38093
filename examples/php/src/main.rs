//! PHP below a path of a Router: a guest book, without any other web server.
//!
//! ```sh
//! php-fpm8.2 --nodaemonize --fpm-config examples/php/php-fpm.conf &
//! cargo run -p php
//! curl -d name=Ann http://127.0.0.1:8080/book/
//! ```
//!
//! As root, php-fpm needs `--allow-to-run-as-root` and a `user` in its configuration.

use std::env;
use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use axum_fcgi::PhpGateway;
use axum_fcgi::tower_fcgi::client::Pool;
use tokio::net::{TcpListener, UnixStream};
use tower_http::services::ServeDir;

const SITE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/site");

fn app(socket: String) -> Router {
    // As many connections as pm.max_children.
    let fpm = Pool::builder(move || UnixStream::connect(socket.clone())).max_size(4).build();
    let book = PhpGateway::new(fpm, SITE).files(ServeDir::new(SITE));
    Router::new().route("/", get(async || "The book is at /book/.")).nest_service("/book", book)
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let argument = |name, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    let listener = TcpListener::bind(argument("LISTEN", "127.0.0.1:8080")).await?;
    let app = app(argument("PHP_SOCKET", "/tmp/php-example.sock"));
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await
}
