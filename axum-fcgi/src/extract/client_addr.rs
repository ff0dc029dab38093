//! The client's address.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::params::Params;

/// The client's address as the web server tells it in REMOTE_ADDR and REMOTE_PORT (RFC 3875 §4.1.8): what
/// [`ConnectInfo<SocketAddr>`](axum::extract::ConnectInfo) gives.
///
/// A port that is missing or no number is the one in REMOTE_ADDR (`192.0.2.1:4711`), else 0; brackets and a zone
/// (`fe80::1%eth0`) are left out. An address that is missing or none of IP's, as a web server has
/// it whose client came by a unix socket (nginx says `unix:`), is `0.0.0.0`, with port 0: a handler that asks
/// for a client gets an answer rather than a 500, and [`Params`] tells the difference, as does
/// [`tower_fcgi::Params::client_addr`].
///
/// ```
/// let params: axum_fcgi::Params = [("REMOTE_ADDR", "2001:db8::1"), ("REMOTE_PORT", "4711")].into_iter().collect();
/// assert_eq!(axum_fcgi::client_addr(&params).to_string(), "[2001:db8::1]:4711");
/// assert_eq!(axum_fcgi::client_addr(&Default::default()).to_string(), "0.0.0.0:0");
/// ```
#[must_use]
pub fn client_addr(params: &Params) -> SocketAddr {
    or_unspecified(params.client_addr())
}

pub(crate) fn or_unspecified(client: Option<SocketAddr>) -> SocketAddr {
    client.unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0))
}
