//! Warns about a listener that anyone on the network can connect to.

use std::net::SocketAddr;

use super::local_addresses::LocalAddress;

/// Logs one warning if there are TCP addresses that are not loopback, and not in an [`AllowListener`](crate::AllowListener).
pub(crate) fn warn_if_exposed(addresses: &[LocalAddress]) {
    let addresses: Vec<SocketAddr> =
        addresses.iter().filter_map(|address| address.open_tcp).filter(is_exposed).collect();
    if !addresses.is_empty() {
        tracing::warn!(
            ?addresses,
            "anyone who can connect can claim to be any client and any user: limit who may connect with an allow-list"
        );
    }
}

fn is_exposed(addr: &SocketAddr) -> bool {
    !addr.ip().to_canonical().is_loopback()
}
