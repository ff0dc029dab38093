//~ TcpListener: Listener` is not satisfied
use axum::Router;

pub fn run(listener: std::net::TcpListener, router: Router) {
    _ = axum_fcgi::serve(listener, router);
}
