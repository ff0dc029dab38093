//! Also with a signal in between.
//~ no method named `with_filter` found for struct `ServeWithShutdown<

use axum::Router;

pub fn run(listener: tokio::net::TcpListener) {
    let _ = axum_fcgi::serve(listener, Router::new())
        .with_filter(Router::new())
        .with_graceful_shutdown(std::future::pending())
        .with_authorizer(Router::new())
        .with_filter(Router::new());
}
