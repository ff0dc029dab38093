//! The snippet of the notes on deployment, in which a TCP socket has a longer queue.

use axum::routing::get;

include!(concat!(env!("OUT_DIR"), "/backlog.rs"));

fn port() -> u16 {
    let port = std::env::var("PORT").expect("the test says which port is free");
    port.parse().expect("a port is a number")
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    run(axum::Router::new().route("/", get(async || "Hello, World!"))).await
}
