//! The web server's address.

use std::net::SocketAddr;

use super::extractor::extractor;

/// The address at which the web server received the request: SERVER_ADDR and SERVER_PORT.
///
/// SERVER_ADDR is not a variable of RFC 3875, but nginx, Apache, lighttpd and H2O send it. Caddy takes SERVER_PORT
/// (§4.1.15) from the Host header, so the client chooses that port.
///
/// # Rejection
/// [`MissingServerAddr`](crate::rejection::MissingServerAddr), a 500, if the web server does not send it (Caddy, HAProxy),
/// or it is not an IP address, or the request did not come over FastCGI. `Option<ServerAddr>` is `None` then.
///
/// # Examples
/// ```
/// use axum_fcgi::ServerAddr;
/// async fn handler(ServerAddr(addr): ServerAddr) -> String {
///     format!("You have reached {addr}.")
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(handler));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ServerAddr(pub SocketAddr);

impl ServerAddr {
    fn from_params(params: &tower_fcgi::Params) -> Option<Self> {
        params.server_addr().map(Self)
    }
}

extractor!(
    ServerAddr,
    MissingServerAddr,
    "the web server sends no valid SERVER_ADDR and SERVER_PORT, or the request did not come over FastCGI"
);
