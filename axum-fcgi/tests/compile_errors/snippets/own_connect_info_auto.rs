//~ axum_fcgi cannot serve `IntoMakeServiceWithConnectInfo<
//~ add `impl Connected<axum_fcgi::IncomingStream<'_, FcgiListener>> for C`
use axum::Router;

#[derive(Clone)]
pub struct Peer;

pub fn run(router: Router) {
    _ = axum_fcgi::serve_auto(router.into_make_service_with_connect_info::<Peer>());
}
