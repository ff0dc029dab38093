//! What trusted proxies say about the client.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use axum::http::uri::Scheme;

use super::chain::chain;
use super::proxy_headers::{self, Sent};
use super::trusted_proxies::TrustedProxies;

/// The client of a request that came from a trusted proxy.
///
/// [`ForwardedHeaders`](super::ForwardedHeaders) puts it into the request's extensions for the gateways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ForwardedClient {
    /// The client's address, then those of proxies in the order that the request took, and the peer's. An unknown port is 0.
    pub(super) chain: Vec<SocketAddr>,
    pub(crate) scheme: Sent<Scheme>,
    pub(crate) host: Sent<String>,
    pub(crate) port: Sent<u16>,
}

impl ForwardedClient {
    /// `None` if the peer is not trusted. `headers` are those that it sent.
    pub(crate) fn new(peer: IpAddr, headers: &HeaderMap, trusted: &TrustedProxies) -> Option<Self> {
        trusted.contains(peer).then(|| Self {
            chain: chain(peer, headers, trusted),
            scheme: if trusted.proto { proxy_headers::proto(headers) } else { Sent::Missing },
            host: if trusted.host { proxy_headers::host(headers) } else { Sent::Missing },
            port: if trusted.port { proxy_headers::port(headers) } else { Sent::Missing },
        })
    }

    /// The client's address. `None` if it is the peer itself, or unknown.
    #[cfg(feature = "gateway")]
    pub(crate) fn addr(&self) -> Option<SocketAddr> {
        self.chain.first().copied().filter(|_| self.chain.len() > 1)
    }

    /// Whether the client connected to another port than the proxy did.
    #[cfg(feature = "gateway")]
    pub(crate) fn states_another_port(&self) -> bool {
        self.port != Sent::Missing || self.host != Sent::Missing || self.scheme != Sent::Missing
    }
}
