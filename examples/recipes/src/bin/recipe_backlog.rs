//! deployment.md's code block with a longer backlog of a TCP socket.

use axum::routing::get;

include!(concat!(env!("OUT_DIR"), "/backlog.rs"));

fn port() -> u16 {
    let port = std::env::var("PORT").expect("the test sets PORT");
    port.parse().expect("a port is a number")
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    run(axum::Router::new().route("/", get(async || "Hello, World!"))).await
}
