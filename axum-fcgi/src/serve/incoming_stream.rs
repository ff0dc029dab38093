//! A connection that was accepted, for make-services.

use std::fmt;

use axum::serve::Listener;

/// A connection from a web server, as a make-service gets it: the counterpart of
/// [`axum::serve::IncomingStream`].
///
/// It describes the connection of the *web server*, which carries the requests of many clients. For
/// [`into_make_service_with_connect_info::<C>()`](axum::Router::into_make_service_with_connect_info) with a type `C` of
/// your own, implement [`Connected`](axum::extract::connect_info::Connected) for this type as well. With
/// `C = SocketAddr` nothing is needed: that is the address of each request's client.
///
/// # Examples
/// ```no_run
/// use axum::extract::connect_info::Connected;
/// use axum::{Router, extract::ConnectInfo, routing::get};
/// use tokio::net::{UnixListener, unix::UCred};
///
/// #[derive(Debug, Clone)]
/// struct WebServer(UCred);
///
/// // As for `axum::serve::IncomingStream`.
/// impl Connected<axum_fcgi::IncomingStream<'_, UnixListener>> for WebServer {
///     fn connect_info(stream: axum_fcgi::IncomingStream<'_, UnixListener>) -> Self {
///         Self(stream.io().peer_cred().unwrap())
///     }
/// }
///
/// # async fn run() -> std::io::Result<()> {
/// let handler = async |ConnectInfo(WebServer(cred)): ConnectInfo<WebServer>| format!("{cred:?}");
/// let app = Router::new().route("/", get(handler));
/// let listener = UnixListener::bind("/run/app/fcgi.sock")?;
/// axum_fcgi::serve(listener, app.into_make_service_with_connect_info::<WebServer>()).await
/// # }
/// ```
pub struct IncomingStream<'a, L: Listener> {
    io: &'a L::Io,
    remote_addr: &'a L::Addr,
}

impl<'a, L: Listener> IncomingStream<'a, L> {
    pub(crate) const fn new(io: &'a L::Io, remote_addr: &'a L::Addr) -> Self {
        Self { io, remote_addr }
    }

    /// The connection. As a CGI program ([`serve_auto`](crate::serve_auto)), which has none, one end of an unnamed pair of
    /// unix sockets.
    #[must_use]
    pub const fn io(&self) -> &L::Io {
        self.io
    }

    /// The address of the web server.
    #[must_use]
    pub const fn remote_addr(&self) -> &L::Addr {
        self.remote_addr
    }
}

impl<L: Listener<Io: fmt::Debug, Addr: fmt::Debug>> fmt::Debug for IncomingStream<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncomingStream").field("io", self.io).field("remote_addr", self.remote_addr).finish()
    }
}
