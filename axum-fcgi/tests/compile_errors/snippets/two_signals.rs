//! Which of two signals would count is not obvious: select one.
//~ no method named `with_graceful_shutdown` found for struct `ServeWithShutdown<

use axum::Router;

pub fn run(listener: tokio::net::TcpListener) {
    let _ = axum_fcgi::serve(listener, Router::new())
        .with_graceful_shutdown(std::future::pending())
        .with_graceful_shutdown(std::future::ready(()));
}
