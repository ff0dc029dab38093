//! `serve`: accept, and drive each connection.

use std::convert::Infallible;
use std::fmt;
use std::io;

use axum::extract::Request;
use axum::response::Response;
use axum::serve::Listener;
use tower_fcgi::{Role, Roles};
use tower_service::Service;

use super::accept_loop;
use super::config::Config;
use super::future::ServeFuture;
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
        let Self { serve: Serve { listener, service, mut config, roles }, signal } = self;
        config.connection = config.connection.with_roles(roles);
        ServeFuture::new(async {
            accept_loop::run(listener, service, config, signal).await;
            Ok(())
        })
    }
}
