//! What is known about a client.

use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::uri::Scheme;

use super::chain::chain;
use super::host::requested_host;
use super::proxy_headers;
use super::trusted_proxies::TrustedProxies;

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
    /// The client that is connected to the web server.
    pub(super) fn direct(params: &tower_fcgi::Params) -> Self {
        let scheme = params.scheme();
        Self {
            chain: params.client_addr().map(|addr| addr.ip()).into_iter().collect(),
            host: requested_host(params, &scheme),
            scheme: Some(scheme),
            port: params.get_str("SERVER_PORT").and_then(|port| port.parse().ok()),
        }
    }

    /// The client behind the trusted proxy that is connected to the web server. `headers` are the proxy's.
    pub(super) fn behind(
        proxy: IpAddr,
        trusted: &TrustedProxies,
        params: &tower_fcgi::Params,
        headers: &HeaderMap,
    ) -> Self {
        let mut client = Self { chain: chain(proxy, headers, trusted), ..Self::direct(params) };
        if trusted.proto {
            client.scheme = proxy_headers::proto(headers).or_own(client.scheme);
        }
        if trusted.host {
            client.host = proxy_headers::host(headers).or_own(client.host);
        }
        if trusted.port {
            client.port = proxy_headers::port(headers).or_own(client.port);
        }
        client
    }
}
