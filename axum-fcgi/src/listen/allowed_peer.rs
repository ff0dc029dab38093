//! The peers that an `AllowListener` accepts.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;

use super::fcgi_addr::FcgiAddr;

/// The IP address of a peer, for an [`AllowList`](crate::AllowList).
///
/// For an [`AllowListener`](crate::AllowListener) around a listener of your own:
///
/// ```
/// use std::net::IpAddr;
///
/// use axum_fcgi::PeerIp;
///
/// #[derive(Debug)]
/// struct Peer {
///     ip: IpAddr,
///     certificate: String,
/// }
///
/// impl PeerIp for Peer {
///     fn ip(&self) -> Option<IpAddr> {
///         Some(self.ip)
///     }
/// }
/// ```
pub trait PeerIp {
    /// The IP address, or `None` for a unix socket, whose peer is on this machine. The mode of the socket's file decides
    /// who may connect to it.
    fn ip(&self) -> Option<IpAddr>;
}

impl PeerIp for SocketAddr {
    fn ip(&self) -> Option<IpAddr> {
        Some(self.ip())
    }
}

#[cfg(unix)]
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

/// An address of an [`AllowListener`](crate::AllowListener): of an accepted peer, or of the listener itself.
///
/// A separate type, so that the type of an address shows whether there is a list.
///
/// ```
/// use std::net::SocketAddr;
///
/// use axum::extract::connect_info::Connected;
/// use axum_fcgi::{AllowListener, AllowedPeer, IncomingStream};
/// use tokio::net::TcpListener;
///
/// /// The address of the web server, for handlers.
/// #[derive(Debug, Clone)]
/// struct WebServer(SocketAddr);
///
/// impl Connected<IncomingStream<'_, AllowListener<TcpListener>>> for WebServer {
///     fn connect_info(stream: IncomingStream<'_, AllowListener<TcpListener>>) -> Self {
///         let AllowedPeer(addr) = *stream.remote_addr();
///         Self(addr)
///     }
/// }
/// ```
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
