//! The second one would replace the first.
//~ no method named `with_authorizer` found for struct `Serve<

use axum::Router;

pub fn run(listener: tokio::net::TcpListener) {
    let _ = axum_fcgi::serve(listener, Router::new()).with_authorizer(Router::new()).with_authorizer(Router::new());
}
