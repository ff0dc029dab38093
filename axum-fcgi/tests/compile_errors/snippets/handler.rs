//~ axum_fcgi cannot serve `
//~ `handler.into_service()`
use tokio::net::TcpListener;

async fn handler() {}

pub fn run(listener: TcpListener) {
    _ = axum_fcgi::serve(listener, handler);
}
