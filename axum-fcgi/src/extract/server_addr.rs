//! The web server's address.

use std::net::SocketAddr;

use super::extractor::extractor;

/// The address at which the web server received the request: SERVER_ADDR, which is no variable of RFC 3875
/// but sent by nginx, Apache, lighttpd and H2O, and SERVER_PORT (§4.1.15).
///
/// Caddy takes SERVER_PORT from the Host header, so the port is what the client says there.
///
/// # Rejection
/// [`MissingServerAddr`](crate::rejection::MissingServerAddr), a 500, where the web server does not tell it (Caddy, HAProxy), or tells
/// something else than an IP address, or the request did not come over FastCGI. `Option<ServerAddr>` is
/// `None` there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerAddr(pub SocketAddr);

impl ServerAddr {
    fn from_params(params: &tower_fcgi::Params) -> Option<Self> {
        params.server_addr().map(Self)
    }
}

extractor!(
    ServerAddr,
    MissingServerAddr,
    "the web server sends no SERVER_ADDR and SERVER_PORT that are an address"
);
