//! `serve`: accept, and drive each connection.

use std::any::Any;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_fcgi::{Builder, Role, Roles};
use tower_service::Service;

use super::accept::AcceptLog;
use super::config::Config;
use super::connections::{Connections, TrackedConnection};
use super::descriptors;
use super::service::AxumService;
#[cfg(unix)]
use crate::listen::FcgiStream;
use crate::roles::RoleRouter;

/// Serves `service` over FastCGI to the web servers that connect to `listener`: as [`axum::serve()`] does
/// over HTTP.
///
/// `listener` is any [`axum::serve::Listener`]: a [`UnixSocket`](crate::UnixSocket) that was bound, a
/// [`FcgiListener`](crate::FcgiListener) at whatever address a configuration says, tokio's `TcpListener`, or one that was adapted with
/// [`ListenerExt`](axum::serve::ListenerExt). `service` is a [`Router`](axum::Router), a
/// [`MethodRouter`](axum::routing::MethodRouter), a handler [as a
/// service](axum::handler::HandlerWithoutStateExt::into_service), or any tower service over axum's requests
/// and responses. Each request has a clone of it, and waits until that is
/// [ready](tower_fcgi::FcgiService#readiness).
///
/// # Output
/// The future never ends unless [`with_graceful_shutdown`](Serve::with_graceful_shutdown) tells it to, and
/// gives no error today. An error in accepting is a line in the log, at `error` and not more often than every 10 s, and
/// is waited out for up to a second, since it is mostly a matter of the system's limits; an error on a connection ends
/// that connection.
///
/// # File descriptors
/// Each connection needs a descriptor. When the future is first polled it raises the process's soft limit for them
/// (RLIMIT_NOFILE) as far as [`Config::max_connections`] needs it and the hard limit lets it, as
/// [`Config::raise_descriptor_limit`] says; where that is not enough, fewer connections are kept open, and a line in the
/// log at `warn` has both numbers. Where descriptors run out all the same, since the program needs them elsewhere, the
/// connection that has been idle for longest is closed, and whoever waits is accepted.
///
/// That is seen at once with the listeners of tokio and of this crate, and within a second with those that
/// [`ListenerExt`](axum::serve::ListenerExt) or other wrappers are around, as long as they are polled again after the
/// error. It is not seen where a listener accepts in a task or a thread of its own, nor where it returns connections that
/// need no descriptor.
///
/// At a TCP address that is not loopback, without [`AllowListener`](crate::AllowListener) around the listener, anyone can
/// connect and claim to be any user: that is a line in the log, at `warn`.
///
/// # Panics
/// The future panics outside a tokio runtime whose I/O and time are enabled.
///
/// # Examples
/// ```no_run
/// use axum::{Router, routing::get};
/// use axum_fcgi::UnixSocket;
///
/// # async fn run() -> std::io::Result<()> {
/// let router = Router::new().route("/", get(async || "Hello, World!"));
/// // tokio's `UnixListener` leaves its file behind, and the mode to the umask: nginx, as www-data, may not connect.
/// let listener = UnixSocket::new("/run/app/fcgi.sock").mode(0o660).group("www-data").bind()?;
/// axum_fcgi::serve(listener, router)
///     .with_config(axum_fcgi::Config::default().max_connections(512))
///     .with_graceful_shutdown(async { tokio::signal::ctrl_c().await.unwrap_or(()) })
///     .await
/// # }
/// ```
pub fn serve<L, S>(listener: L, service: S) -> Serve<L, S>
where
    L: Listener,
    L::Addr: fmt::Debug,
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    Serve { listener, service, config: Config::default(), roles: Roles::RESPONDER }
}

/// What [`serve`] gives: await it.
#[derive(Debug, Clone)]
#[must_use = "nothing is served until it is awaited"]
pub struct Serve<L, S> {
    listener: L,
    service: S,
    config: Config,
    /// Those that `service` plays.
    roles: Roles,
}

impl<L, S> Serve<L, S> {
    /// With other settings than the default ones.
    pub fn with_config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Plays the role of an Authorizer as well (FastCGI §6.3): `authorizer` decides whether the web server
    /// goes on with a request, whoever answers it then. Apache asks with mod_authnz_fcgi, lighttpd with
    /// `"mode" => "authorizer"`; nginx has nothing of the kind.
    ///
    /// It sees the request that is to be allowed, with its method, path and headers, and without its body. It
    /// says yes with [`Authorized`](crate::Authorized) and in no other way: a `200` that is none is a `500`, with a
    /// line in the web server's log. Anything else is a no. lighttpd sends that to its client as it is;
    /// Apache makes it a `401` of its own.
    ///
    /// Without this, a web server that asks for an Authorizer is told that nobody plays that role; the
    /// service that [`serve`](crate::serve()) was given is not asked.
    ///
    /// # Examples
    /// ```no_run
    /// use axum::handler::HandlerWithoutStateExt as _;
    /// use axum::http::StatusCode;
    /// use axum::{Router, routing::get};
    /// use axum_fcgi::{Allow, RemoteUser};
    ///
    /// async fn authorize(user: Option<RemoteUser>) -> Result<Allow, StatusCode> {
    ///     user.filter(|RemoteUser(name)| name == "alice").map(|_| Allow::new()).ok_or(StatusCode::FORBIDDEN)
    /// }
    ///
    /// # async fn run() -> std::io::Result<()> {
    /// let router = Router::new().route("/", get(async || "Hello, alice!"));
    /// let listener = axum_fcgi::UnixSocket::new("/run/app/fcgi.sock").group("www-data").bind()?;
    /// axum_fcgi::serve(listener, router).with_authorizer(authorize.into_service()).await
    /// # }
    /// ```
    pub fn with_authorizer<A>(self, authorizer: A) -> Serve<L, RoleRouter<S, A>>
    where
        A: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
    {
        self.with_role(Role::AUTHORIZER, Roles::AUTHORIZER, authorizer)
    }

    /// Plays the role of a Filter as well (FastCGI §6.4): `filter` answers requests from a file that the web
    /// server sends along, [`FilterData`](crate::FilterData). No web server is known to ask for it today.
    pub fn with_filter<F>(self, filter: F) -> Serve<L, RoleRouter<S, F>>
    where
        F: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
    {
        self.with_role(Role::FILTER, Roles::FILTER, filter)
    }

    fn with_role<T>(self, role: Role, roles: Roles, own: T) -> Serve<L, RoleRouter<S, T>> {
        let Self { listener, service, config, roles: others } = self;
        Serve { listener, service: RoleRouter::new(service, role, own), config, roles: others.and(roles) }
    }

    /// Ends serving when `signal` does: no more connections are accepted but those that wait already, idle ones are
    /// closed, and requests under way are answered, for as long as [`Config::shutdown_timeout`] allows; a new
    /// connection has a second for its request to come. Then the future is ready.
    pub fn with_graceful_shutdown<F>(self, signal: F) -> ServeWithShutdown<L, S, F>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        ServeWithShutdown { serve: self, signal }
    }
}

impl<L, S> IntoFuture for Serve<L, S>
where
    L: Listener,
    L::Addr: fmt::Debug,
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    type Output = io::Result<()>;
    type IntoFuture = ServeFuture;

    fn into_future(self) -> ServeFuture {
        self.with_graceful_shutdown(std::future::pending()).into_future()
    }
}

/// [`Serve`] with an end.
#[derive(Debug, Clone)]
#[must_use = "nothing is served until it is awaited"]
pub struct ServeWithShutdown<L, S, F> {
    serve: Serve<L, S>,
    signal: F,
}

impl<L, S, F> ServeWithShutdown<L, S, F> {
    /// With other settings than the default ones.
    pub fn with_config(mut self, config: Config) -> Self {
        self.serve.config = config;
        self
    }
}

impl<L, S, F> IntoFuture for ServeWithShutdown<L, S, F>
where
    L: Listener,
    L::Addr: fmt::Debug,
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    type Output = io::Result<()>;
    type IntoFuture = ServeFuture;

    fn into_future(self) -> ServeFuture {
        let Self { serve: Serve { listener, service, config, roles }, signal } = self;
        ServeFuture::new(run(listener, service, config, roles, signal))
    }
}

/// The future of [`Serve`] and of [`ServeAuto`](crate::ServeAuto); its type says nothing.
pub struct ServeFuture(Pin<Box<dyn Future<Output = io::Result<()>> + Send>>);

impl ServeFuture {
    pub(crate) fn new(run: impl Future<Output = io::Result<()>> + Send + 'static) -> Self {
        Self(Box::pin(run))
    }
}

impl Future for ServeFuture {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for ServeFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeFuture").finish_non_exhaustive()
    }
}

async fn run<L, S, F>(listener: L, service: S, config: Config, roles: Roles, signal: F) -> io::Result<()>
where
    L: Listener,
    L::Addr: fmt::Debug,
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
    F: Future<Output = ()>,
{
    let most = descriptors::connections(&config);
    let advertised = u32::try_from(most).unwrap_or(u32::MAX);
    let builder = Builder::new()
        .with_config(config.connection)
        .with_roles(roles)
        .with_advertised_max_connections(advertised);
    let connections = Arc::new(Connections::default());
    #[cfg(unix)]
    crate::listen::warn_if_exposed(&listener);
    let accepting = AcceptLog::new(&connections);
    let accept = accept(listener, service, most, &builder, signal, &connections, &accepting);
    Arc::clone(&accepting).scope(accept).await;
    connections.shut_down(config.shutdown_timeout).await;
    Ok(())
}

/// Accepts until `signal`, and then those who wait.
async fn accept<L, S, F>(
    mut listener: L,
    service: S,
    most: usize,
    builder: &Builder,
    signal: F,
    connections: &Arc<Connections>,
    accepting: &AcceptLog,
) where
    L: Listener,
    L::Addr: fmt::Debug,
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
    F: Future<Output = ()>,
{
    let mut signal = pin!(signal);
    #[cfg(all(unix, feature = "systemd-notify"))]
    super::systemd_notify::ready();
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut signal => break,
            accepted = accepting.next(&mut listener) => accepted,
        };
        let stop = tokio::select! {
            biased;
            () = &mut signal => true,
            () = connections.until_below(most) => false,
        };
        // Also where it is to stop: whoever was let in has a request.
        begin(accepted, service.clone(), builder, connections);
        if stop {
            break;
        }
    }
    #[cfg(all(unix, feature = "systemd-notify"))]
    super::systemd_notify::stopping();
    // Those that are idle make room for those who wait.
    connections.finish();
    for _ in 0..BACKLOG {
        let Ok(accepted) = timeout(BACKLOG_WAIT, accepting.next(&mut listener)).await else { break };
        begin(accepted, service.clone(), builder, connections);
    }
}

/// Serves a connection in a task of its own.
fn begin<IO, A, S>((io, peer): (IO, A), service: S, builder: &Builder, connections: &Arc<Connections>)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: fmt::Debug,
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    prepare(&io);
    let connection = builder.serve_connection(io, AxumService::new(service));
    let connection = connection.on_incomplete_response(reset).peer(&peer);
    let guard = connections.register(connection.handle());
    tokio::spawn(TrackedConnection::new(connection, guard));
}

/// Connections that are taken in after the signal: those that the system has accepted already, which would be reset with
/// the listener. Others may still come meanwhile, and are not to keep it open.
const BACKLOG: usize = 4096;

/// After this time without a connection, the queue of the system is empty.
const BACKLOG_WAIT: Duration = Duration::from_millis(1);

fn as_tcp<IO: 'static>(io: &IO) -> Option<&TcpStream> {
    let io = io as &dyn Any;
    #[cfg(unix)]
    if let Some(io) = io.downcast_ref() {
        return match io {
            FcgiStream::Tcp(tcp) => Some(tcp),
            FcgiStream::Unix(_) => None,
        };
    }
    io.downcast_ref()
}

/// An answer that comes in pieces (events, a large body) must not wait for the acknowledgement of the piece
/// before.
fn prepare<IO: 'static>(io: &IO) {
    if let Some(Err(error)) = as_tcp(io).map(|tcp| tcp.set_nodelay(true)) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
}

/// Makes the close of a connection a reset, so that the web server does not take what it got for a whole
/// answer. A unix socket has no such thing.
fn reset<IO: 'static>(io: &IO) {
    if let Some(Err(error)) = as_tcp(io).map(TcpStream::set_zero_linger) {
        tracing::debug!(%error, "a connection could not be set to be reset");
    }
}

#[cfg(all(test, unix))]
mod tests {
    use tokio::net::{TcpListener, UnixStream};

    use super::*;

    #[tokio::test]
    async fn tcp_is_seen_through_the_stream_of_any_address() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let io = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let io = FcgiStream::Tcp(io);
        assert!(!as_tcp(&io).unwrap().nodelay().unwrap());
        prepare(&io);
        assert!(as_tcp(&io).unwrap().nodelay().unwrap());
        let (unix, _peer) = UnixStream::pair().unwrap();
        assert!(as_tcp(&FcgiStream::Unix(unix)).is_none());
    }
}
