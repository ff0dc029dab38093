//! The client's address.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::params::Params;

/// The client's address from REMOTE_ADDR and REMOTE_PORT (RFC 3875 §4.1.8).
///
/// [`ConnectInfo<SocketAddr>`](axum::extract::ConnectInfo) contains the same address.
///
/// If REMOTE_PORT is missing or not a number, the port in REMOTE_ADDR is used (`192.0.2.1:4711`), else 0. Brackets and a
/// zone (`fe80::1%eth0`) are removed. If the address is missing or not an IP address, as for a client of the web server's
/// unix socket (nginx sends `unix:`), it is `0.0.0.0` with port 0, so that a handler that needs a client address does not
/// fail. [`Params`] and [`tower_fcgi::Params::client_addr`] show the difference.
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
