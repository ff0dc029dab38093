//! Warns about a listener that anyone on the network can connect to.

use std::any::Any;
use std::net::SocketAddr;

use axum::serve::Listener;
use tokio::net::TcpListener;

use super::fcgi_addr::FcgiAddr;
use super::listener::FcgiListener;
use super::listeners::Listeners;

/// Logs one warning if `listener` has a TCP address that is not loopback, and is not in an
/// [`AllowListener`](crate::AllowListener), whose addresses have another type.
pub(crate) fn warn_if_exposed<L: Listener>(listener: &L) {
    let addresses: Vec<SocketAddr> = tcp_addresses(listener).into_iter().filter(is_exposed).collect();
    if !addresses.is_empty() {
        tracing::warn!(
            ?addresses,
            "anyone who can connect can claim to be any client and any user: limit who may connect with an allow-list"
        );
    }
}

fn tcp_addresses<L: Listener>(listener: &L) -> Vec<SocketAddr> {
    let any = listener as &dyn Any;
    if let Some(listeners) = any.downcast_ref::<Listeners<FcgiListener>>() {
        listeners.iter().filter_map(tcp_address).collect()
    } else if let Some(listeners) = any.downcast_ref::<Listeners<TcpListener>>() {
        listeners.iter().filter_map(tcp_address).collect()
    } else {
        tcp_address(listener).into_iter().collect()
    }
}

fn tcp_address<L: Listener>(listener: &L) -> Option<SocketAddr> {
    let addr = listener.local_addr().ok()?;
    let any = &addr as &dyn Any;
    match any.downcast_ref::<FcgiAddr>() {
        Some(FcgiAddr::Tcp(addr)) => Some(*addr),
        Some(FcgiAddr::Unix(_)) => None,
        None => any.downcast_ref().copied(),
    }
}

fn is_exposed(addr: &SocketAddr) -> bool {
    !addr.ip().to_canonical().is_loopback()
}
