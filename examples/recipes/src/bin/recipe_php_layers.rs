//! php.md's code blocks around a `PhpGateway`.

use axum::Router;
use axum_fcgi::PhpGateway;
use axum_fcgi::tower_fcgi::client::Pool;
use tokio::net::TcpListener;
// Windows has no unix sockets: SOCKET is a TCP address there.
#[cfg(not(unix))]
use tokio::net::TcpStream as UnixStream;
#[cfg(unix)]
use tokio::net::UnixStream;

mod hide {
    include!(concat!(env!("OUT_DIR"), "/php_hide.rs"));
    pub(crate) fn layered(site: Router) -> Router {
        hidden(site)
    }
}
mod error_page {
    include!(concat!(env!("OUT_DIR"), "/php_error_page.rs"));
    pub(crate) fn layered(site: Router) -> Router {
        with_error_pages(site)
    }
}
mod files {
    include!(concat!(env!("OUT_DIR"), "/php_files.rs"));
    pub(crate) fn allowed<S>(php: PhpGateway<S>) -> PhpGateway<S> {
        with_files(php)
    }
}

fn place(variable: &str) -> String {
    std::env::var(variable).expect("the test sets the variable")
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let socket = place("SOCKET");
    let fpm = Pool::builder(move || UnixStream::connect(socket.clone())).max_size(2).build();
    let php = files::allowed(PhpGateway::new(fpm, place("SITE")));
    let site = error_page::layered(hide::layered(Router::new().fallback_service(php)));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    axum::serve(listener, site).await
}
