//! README.md's code block with `serve_auto`.

use axum::Router;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let router = Router::new().fallback(async || "Hello, World!");
    include!(concat!(env!("OUT_DIR"), "/serve_auto.rs"))
}
