//! The peers of a listener with a list.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;

use super::fcgi_addr::FcgiAddr;

/// The address of whoever connects, as far as an [`AllowList`](crate::AllowList) is concerned.
pub trait PeerIp {
    /// Its IP address, or `None` if it is on this machine by the nature of its socket. Who may connect to a
    /// unix socket is a matter of its mode.
    fn ip(&self) -> Option<IpAddr>;
}

impl PeerIp for SocketAddr {
    fn ip(&self) -> Option<IpAddr> {
        Some(self.ip())
    }
}

impl PeerIp for tokio::net::unix::SocketAddr {
    fn ip(&self) -> Option<IpAddr> {
        None
    }
}

impl PeerIp for FcgiAddr {
    fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(addr) => Some(addr.ip()),
            Self::Unix(_) => None,
        }
    }
}

/// An address of [`AllowListener`](crate::AllowListener): a peer that was let in, or where it listens.
///
/// It is a type of its own so that it can be seen that there is a list.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AllowedPeer<A>(pub A);

impl<A> Deref for AllowedPeer<A> {
    type Target = A;

    fn deref(&self) -> &A {
        &self.0
    }
}

impl<A: PeerIp> PeerIp for AllowedPeer<A> {
    fn ip(&self) -> Option<IpAddr> {
        self.0.ip()
    }
}

impl<A: fmt::Display> fmt::Display for AllowedPeer<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<A: fmt::Debug> fmt::Debug for AllowedPeer<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
