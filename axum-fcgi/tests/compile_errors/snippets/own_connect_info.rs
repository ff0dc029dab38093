//~ axum_fcgi cannot serve `IntoMakeServiceWithConnectInfo<
//~ add `impl Connected<axum_fcgi::IncomingStream<'_, 
use axum::Router;
use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::net::TcpListener;

#[derive(Clone)]
pub struct Peer;

impl Connected<IncomingStream<'_, TcpListener>> for Peer {
    fn connect_info(_: IncomingStream<'_, TcpListener>) -> Self {
        Self
    }
}

pub fn run(listener: TcpListener, router: Router) {
    _ = axum_fcgi::serve(listener, router.into_make_service_with_connect_info::<Peer>());
}
