//! README.md's code block with `serve_auto`.

#[cfg(unix)]
#[tokio::main]
async fn main() -> std::io::Result<()> {
    let router = axum::Router::new().fallback(async || "Hello, World!");
    include!(concat!(env!("OUT_DIR"), "/serve_auto.rs"))
}

#[cfg(not(unix))]
include!("../needs_unix.rs");
