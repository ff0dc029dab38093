//! Both addresses of an HTTP connection.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::extract::connect_info::Connected;
use axum::http::Extensions;
use axum::serve::IncomingStream;
use tokio::net::{TcpListener, TcpStream};

/// Both addresses of a connection to `axum::serve`, for the variables of a gateway.
///
/// With it instead of a `SocketAddr`, SERVER_ADDR and SERVER_PORT are the address and port at which the client or a proxy
/// has connected, as with nginx. With a `SocketAddr`, SERVER_ADDR is not sent, and SERVER_PORT is made from Host.
///
/// ```
/// # use axum::Router;
/// # use tokio::net::TcpListener;
/// use axum_fcgi::ConnectionAddrs;
/// # async fn serve(listener: TcpListener, router: Router) -> std::io::Result<()> {
/// axum::serve(listener, router.into_make_service_with_connect_info::<ConnectionAddrs>()).await
/// # }
/// ```
///
/// axum cannot find it through [`tap_io`](axum::serve::ListenerExt::tap_io), but through `DeferEof` around that.
///
/// Handlers and middleware then find this type in [`ConnectInfo`](axum::extract::ConnectInfo), and no `SocketAddr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ConnectionAddrs {
    /// The client's address, or that of a proxy.
    pub client: SocketAddr,
    /// The address at which the connection was accepted: never a wildcard such as `0.0.0.0`, unless it is unknown.
    pub server: SocketAddr,
}

impl ConnectionAddrs {
    /// The addresses of a connection, for other HTTP servers than `axum::serve`.
    #[must_use]
    pub const fn new(client: SocketAddr, server: SocketAddr) -> Self {
        Self { client, server }
    }

    pub(crate) fn of(client: SocketAddr, stream: &TcpStream) -> Self {
        let unknown = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        Self::new(client, stream.local_addr().unwrap_or(unknown))
    }
}

impl Connected<IncomingStream<'_, TcpListener>> for ConnectionAddrs {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Self::of(*stream.remote_addr(), stream.io())
    }
}

/// The peer of a request's connection: over FastCGI the web server's client.
pub(crate) fn peer_addr(extensions: &Extensions) -> Option<SocketAddr> {
    let addrs = extensions.get().map(|ConnectInfo(addrs): &ConnectInfo<ConnectionAddrs>| addrs.client);
    addrs.or_else(|| extensions.get().map(|ConnectInfo(peer): &ConnectInfo<SocketAddr>| *peer))
}
