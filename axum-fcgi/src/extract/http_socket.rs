//! Tells requests of the HTTP socket for upgrades from those of an application's own HTTP server.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use axum::http::request::Parts;

/// Marks a request that came over the HTTP socket for upgrades. Its `ConnectInfo` is the client's address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HttpSocket;

impl HttpSocket {
    /// The mark of a request, if it has one.
    pub(crate) fn of(parts: &Parts) -> Option<Self> {
        parts.extensions.get().copied()
    }

    /// The client's address. `None` if the web server did not send it.
    pub(crate) fn client_addr(self, parts: &Parts) -> Option<SocketAddr> {
        let ConnectInfo(client) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
        Some(*client).filter(|client| !client.ip().is_unspecified())
    }
}
