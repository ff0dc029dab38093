//! A socket that is open to the network.

use std::any::Any;
use std::net::SocketAddr;

use axum::serve::Listener;
use tokio::net::TcpListener;

use super::fcgi_addr::FcgiAddr;
use super::listener::FcgiListener;
use super::listeners::Listeners;

/// One warning if anyone on the network can connect to `listener`: it listens at a TCP address that is not
/// loopback, and no [`AllowListener`](crate::AllowListener) is around it, whose addresses are of another type.
pub(crate) fn warn_if_exposed<L: Listener>(listener: &L) {
    let addresses: Vec<SocketAddr> = addresses(listener).into_iter().filter(is_exposed).collect();
    if !addresses.is_empty() {
        tracing::warn!(
            ?addresses,
            "whoever can connect to this address can claim to be any client and any user: an allow-list would keep \
             strangers out"
        );
    }
}

fn addresses<L: Listener>(listener: &L) -> Vec<SocketAddr> {
    let any = listener as &dyn Any;
    if let Some(several) = any.downcast_ref::<Listeners<FcgiListener>>() {
        several.iter().filter_map(address).collect()
    } else if let Some(several) = any.downcast_ref::<Listeners<TcpListener>>() {
        several.iter().filter_map(address).collect()
    } else {
        address(listener).into_iter().collect()
    }
}

fn address<L: Listener>(listener: &L) -> Option<SocketAddr> {
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
