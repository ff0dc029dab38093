//~ axum_fcgi cannot serve `Router<u8>`
//~ pass a `Router<()>` (call `.with_state(…)` first)
use axum::Router;
use tokio::net::TcpListener;

pub fn run(listener: TcpListener, router: Router<u8>) {
    _ = axum_fcgi::serve(listener, router);
}
