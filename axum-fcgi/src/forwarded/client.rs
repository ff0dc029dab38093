//! What is known about a client.

use std::net::{IpAddr, SocketAddr};

use axum::http::request::Parts;
use axum::http::uri::Scheme;

use super::forwarded_client::ForwardedClient;
use super::host::{host_over_http, requested_host};
use crate::extract::{HttpSocket, lookup};

/// What is known about a client. What is unknown has no header.
#[derive(Debug, Default)]
pub(super) struct Client {
    /// Its address, then those of proxies in the order that the request took. Empty if unknown.
    pub(super) chain: Vec<IpAddr>,
    pub(super) host: Option<String>,
    pub(super) scheme: Option<Scheme>,
    /// The port that it connected to.
    pub(super) port: Option<u16>,
}

impl Client {
    /// The client that is connected to the web server. `None` if the request came from an HTTP server of the application's own.
    pub(super) fn direct(parts: &Parts) -> Option<Self> {
        match lookup(parts) {
            Some(params) => Some(Self::over_fastcgi(params)),
            None => HttpSocket::of(parts).map(|socket| Self::over_http(socket, parts)),
        }
    }

    fn over_fastcgi(params: &tower_fcgi::Params) -> Self {
        let scheme = params.scheme();
        Self {
            chain: params.client_addr().map(|addr| addr.ip()).into_iter().collect(),
            host: requested_host(params, &scheme),
            scheme: Some(scheme),
            port: params.get_str("SERVER_PORT").and_then(|port| port.parse().ok()),
        }
    }

    /// Over the HTTP socket for upgrades, the web server states the address and passes on Host. The scheme and the port are
    /// unknown: not every web server sets the headers for them, and then they are the client's.
    fn over_http(socket: HttpSocket, parts: &Parts) -> Self {
        Self {
            chain: socket.client_addr(parts).map(|addr| addr.ip()).into_iter().collect(),
            host: host_over_http(&parts.headers),
            ..Self::default()
        }
    }

    /// The client behind this one, which is a trusted proxy.
    pub(super) fn behind(self, forwarded: ForwardedClient) -> Self {
        Self {
            chain: forwarded.chain.iter().map(SocketAddr::ip).collect(),
            host: forwarded.host.or_own(self.host),
            scheme: forwarded.scheme.or_own(self.scheme),
            port: forwarded.port.or_own(self.port),
        }
    }
}
