use axum::Router;
use axum::extract::connect_info::Connected;
use tokio::net::TcpListener;

#[derive(Clone)]
pub struct Peer;

impl Connected<axum::serve::IncomingStream<'_, TcpListener>> for Peer {
    fn connect_info(_: axum::serve::IncomingStream<'_, TcpListener>) -> Self {
        Self
    }
}

impl Connected<axum_fcgi::IncomingStream<'_, TcpListener>> for Peer {
    fn connect_info(_: axum_fcgi::IncomingStream<'_, TcpListener>) -> Self {
        Self
    }
}

pub fn run(listener: TcpListener, router: Router) {
    _ = axum_fcgi::serve(listener, router.into_make_service_with_connect_info::<Peer>());
}
