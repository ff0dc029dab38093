//! README.md's code block with PHP below a path of a Router.

use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use axum_fcgi::PhpGateway;
use axum_fcgi::tower_fcgi::client::Pool;
use tokio::net::TcpListener;
// Windows has no unix sockets: SOCKET is a TCP address there.
#[cfg(not(unix))]
use tokio::net::TcpStream as UnixStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tower_http::services::ServeDir;

async fn health() -> &'static str {
    "Hello, World!"
}

fn place(variable: &str) -> String {
    std::env::var(variable).expect("the test sets the variable")
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    include!(concat!(env!("OUT_DIR"), "/php.rs"))
}

async fn listen(router: Router) -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await
}
