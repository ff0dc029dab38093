//! `serve` and its settings.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::marker::PhantomData;

use axum::extract::Request;
use axum::response::Response;
use axum::serve::Listener;
use tower_fcgi::{Role, Roles, Stats};
use tower_service::Service;

use super::config::Config;
use super::future::ServeFuture;
use super::make_service::make_fcgi_service::MakeFcgiService;
use super::make_service::{HasAuthorizer, HasFilter, NoAuthorizer, NoFilter, ServedRoles, WithRole};
use super::prepare::prepare;
use super::serve_with_shutdown::ServeWithShutdown;
use crate::roles::RoleRouter;

/// Serves `service` over FastCGI to the web servers that connect to `listener`, as [`axum::serve()`] does over HTTP.
///
/// `listener` is any [`axum::serve::Listener`]: a bound [`UnixSocket`](crate::UnixSocket), a
/// [`FcgiListener`](crate::FcgiListener) at an address from a configuration, tokio's `TcpListener`, or one adapted with
/// [`ListenerExt`](axum::serve::ListenerExt).
///
/// `service` is what `axum::serve` takes: a [`Router`](axum::Router), a [`MethodRouter`](axum::routing::MethodRouter), a
/// handler [as a service](axum::handler::HandlerWithoutStateExt::into_service), or a make-service (see below). It is also
/// any other tower service with axum's requests and responses. Each request gets a clone of the service, and waits until
/// the clone is [ready](tower_fcgi::FcgiService#readiness).
///
/// # Make-services
/// - `into_make_service()` is called for each connection of a web server.
/// - `into_make_service_with_connect_info::<SocketAddr>()` is not needed: `ConnectInfo<SocketAddr>` is the client's address
///   without it. If it is there, it is called for each request, with the address of that request's client.
/// - `into_make_service_with_connect_info::<C>()` with another type is called for each connection. `C` needs an
///   `impl Connected<`[`IncomingStream`](crate::IncomingStream)`<'_, L>>`.
///
/// A make-service that is slow delays the next connection, as under axum. At the shutdown signal, a connection whose service
/// is not made yet is closed.
///
/// # Output
/// The future completes only after the signal of [`with_graceful_shutdown`](Serve::with_graceful_shutdown), and never
/// returns an error today. An error of accept, usually a limit of the system, is logged at `error`, at most every 10 s;
/// accepting is retried within 1 s. An error of a connection ends only that connection.
///
/// # File descriptors
/// Each connection needs a file descriptor. When the future is first polled, it raises the process's soft limit
/// (RLIMIT_NOFILE) as far as [`Config::with_max_connections`] needs it and the hard limit allows: see
/// [`Config::with_raise_descriptor_limit`]. If that is not enough, it keeps fewer connections open, and logs both numbers at
/// `warn`. If descriptors run out anyway, because the program uses them elsewhere, the connection that has been idle
/// longest is closed, and the waiting one is accepted.
///
/// The listeners of tokio and of this crate report this at once. With [`ListenerExt`](axum::serve::ListenerExt) or another
/// wrapper it takes up to 1 s, if the wrapper is polled again after the error. It is not detected if a listener accepts in a
/// task or thread of its own, or returns connections that need no descriptor.
///
/// # Access
/// If the listener has a TCP address that is not loopback, and no [`AllowListener`](crate::AllowListener) is around it,
/// anyone can connect and claim to be any user. This is logged at `warn`.
///
/// # Log
/// The start, the beginning of a shutdown and its end are logged at `info`, with `tracing`. The [deployment
/// notes](crate::deployment#the-log) list all lines that an operator should know.
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
/// // tokio's `UnixListener` leaves the mode to the umask, so that nginx, as www-data, may be unable to connect. It also
/// // leaves its file behind.
/// let listener = UnixSocket::new("/run/app/fcgi.sock").mode(0o660).group("www-data").bind()?;
/// axum_fcgi::serve(listener, router)
///     .with_config(axum_fcgi::Config::default().with_max_connections(512))
///     .with_graceful_shutdown(async { tokio::signal::ctrl_c().await.unwrap_or(()) })
///     .await
/// # }
/// ```
pub fn serve<L, M, K>(listener: L, service: M) -> Serve<L, M, K>
where
    L: Listener<Addr: fmt::Debug>,
    M: MakeFcgiService<L, K>,
{
    let service = prepare(service);
    Serve {
        listener,
        http: None,
        service,
        config: Config::default(),
        roles: Roles::RESPONDER,
        stats: None,
        kind: PhantomData,
    }
}

/// The builder that [`serve`] returns. Await it to serve.
///
/// It has the methods of [`axum::serve::Serve`], and those that FastCGI needs. They can be called in any order.
///
/// `M` is the service or make-service, `K` its [kind](crate::make_service), and `R` says [which other
/// services](ServedRoles) there are.
#[derive(Debug, Clone)]
#[must_use = "nothing is served until it is awaited"]
pub struct Serve<L, M, K, R = ServedRoles> {
    pub(super) listener: L,
    /// HTTP, for upgrades.
    pub(super) http: Option<L>,
    pub(super) service: M,
    pub(super) config: Config,
    /// The roles that `service` supports.
    pub(super) roles: Roles,
    pub(super) stats: Option<Stats>,
    pub(super) kind: PhantomData<fn() -> (K, R)>,
}

impl<L: Listener, M, K, R> Serve<L, M, K, R> {
    /// The address of the listener.
    ///
    /// # Errors
    /// If the system does not return it.
    pub fn local_addr(&self) -> io::Result<L::Addr> {
        self.listener.local_addr()
    }
}

impl<L, M, K, R> Serve<L, M, K, R> {
    /// Replaces the default settings. The last call counts.
    pub fn with_config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Counts what the connections and their requests do: see [`Stats`]. Default: nothing is counted. The last call counts.
    pub fn with_stats(mut self, stats: Stats) -> Self {
        self.stats = Some(stats);
        self
    }

    /// Also serves upgrades, such as WebSockets, over HTTP to the web servers that connect to `listener`.
    ///
    /// Only lighttpd carries upgrades over FastCGI. For any other web server, route the paths of WebSockets to this socket, over
    /// HTTP/1.1, and everything else over FastCGI. The same `service` gets both. The [deployment notes](crate::deployment)
    /// have a configuration for each web server.
    ///
    /// # What is served
    /// One request for each connection: a GET of HTTP/1.1, without a body, that asks for an upgrade (RFC 9110 §7.8). Anything
    /// else is a `426 Upgrade Required`, and the service is not called. A response with a status of success, from a handler
    /// that has not upgraded, is replaced by a 426 and logged at `warn`. So this socket is no second way to the pages
    /// that the web server guards. A path with a `.` or `..` segment is a 400.
    ///
    /// The target is the one that the web server sends. Of [`RequestTarget`](tower_fcgi::RequestTarget), only
    /// [`StripPrefix`](tower_fcgi::RequestTarget::StripPrefix) applies.
    ///
    /// # The client
    /// [`ConnectInfo<SocketAddr>`](axum::extract::ConnectInfo) is the last address in X-Forwarded-For, which the web server must
    /// set; without that header it is `0.0.0.0:0`, and a `warn` is logged once. The extractors of this crate reject: a header
    /// cannot tell them anything that a client could not forge.
    ///
    /// `listener` has the type of the other one, so that a make-service gets both: see [`FcgiListener`](crate::FcgiListener)
    /// for a TCP and a unix socket. The last call counts.
    ///
    /// **Limit who can connect**, as for FastCGI: anyone who can connect can claim to be any client. The same `warn` is logged
    /// for a TCP address that is not loopback.
    ///
    /// # Limits and shutdown
    /// Connections of both sockets count together against [`Config::with_max_connections`], upgraded ones until the
    /// handler drops them. Of the [connection's settings](Config::with_connection), `header_read_timeout` and
    /// `upgrade_idle_timeout` apply. A graceful shutdown ends the client's direction of an upgraded stream, and waits for its
    /// handler until [`Config::with_shutdown_timeout`]; then the stream fails.
    ///
    /// # Examples
    /// ```no_run
    /// use axum_fcgi::UnixSocket;
    ///
    /// # async fn run(router: axum::Router) -> std::io::Result<()> {
    /// let fastcgi = UnixSocket::new("/run/app/fcgi.sock").group("www-data").bind()?;
    /// let http = UnixSocket::new("/run/app/http.sock").group("www-data").bind()?;
    /// axum_fcgi::serve(fastcgi, router).with_upgrades_over_http(http).await
    /// # }
    /// ```
    pub fn with_upgrades_over_http(mut self, listener: L) -> Self {
        self.http = Some(listener);
        self
    }

    /// Shuts down gracefully when `signal` completes.
    ///
    /// Then idle connections are closed, requests in flight complete within [`Config::with_shutdown_timeout`], and the
    /// future completes. Of new connections, only those that the system has already queued are accepted, as far as
    /// [`Config::with_max_connections`] allows within 1 s; and each has 1 s to send its request.
    pub fn with_graceful_shutdown<F>(self, signal: F) -> ServeWithShutdown<L, M, K, F, R>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        ServeWithShutdown { serve: self, signal }
    }

    fn with_role<T: 'static, S>(
        self,
        role: Role,
        added: Roles,
        role_service: T,
    ) -> Serve<L, RoleRouter<M, T>, WithRole<K>, S> {
        let Self { listener, http, service, config, roles, stats, kind: _ } = self;
        let service = RoleRouter::new(service, role, prepare(role_service));
        Serve { listener, http, service, config, roles: roles.and(added), stats, kind: PhantomData }
    }
}

impl<L, M, K, F> Serve<L, M, K, ServedRoles<NoAuthorizer, F>> {
    /// Adds a service for the role Authorizer (FastCGI §6.3): it decides whether the web server goes on with a request.
    ///
    /// Apache uses it with mod_authnz_fcgi, lighttpd with `"mode" => "authorizer"`; nginx has no such module. Any backend
    /// may serve the authorized request.
    ///
    /// The authorizer gets the method, path and headers of the request, without its body. It allows the request only with
    /// [`Authorized`](crate::Authorized): a `200` of another kind becomes a `500`, with a line in the web server's log. Any
    /// other response denies the request. lighttpd sends it to the client unchanged; Apache sends a `401` of its own.
    ///
    /// A second authorizer is an error of the compiler: this method is not found.
    ///
    /// Without this, a request for an Authorizer is rejected with UNKNOWN_ROLE (FastCGI §5.5), and the service of
    /// [`serve`](crate::serve()) is not called.
    ///
    /// # Examples
    /// ```no_run
    /// use axum::handler::HandlerWithoutStateExt as _;
    /// use axum::http::StatusCode;
    /// use axum::{Router, routing::get};
    /// use axum_fcgi::{Authorized, RemoteUser};
    ///
    /// async fn authorize(user: Option<RemoteUser>) -> Result<Authorized, StatusCode> {
    ///     user.filter(|RemoteUser(name)| name == "alice").map(|_| Authorized::new()).ok_or(StatusCode::FORBIDDEN)
    /// }
    ///
    /// # async fn run() -> std::io::Result<()> {
    /// let router = Router::new().route("/", get(async || "Hello, alice!"));
    /// let listener = axum_fcgi::UnixSocket::new("/run/app/fcgi.sock").group("www-data").bind()?;
    /// axum_fcgi::serve(listener, router).with_authorizer(authorize.into_service()).await
    /// # }
    /// ```
    pub fn with_authorizer<A>(
        self,
        authorizer: A,
    ) -> Serve<L, RoleRouter<M, A>, WithRole<K>, ServedRoles<HasAuthorizer, F>>
    where
        A: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
    {
        self.with_role(Role::AUTHORIZER, Roles::AUTHORIZER, authorizer)
    }
}

impl<L, M, K, A> Serve<L, M, K, ServedRoles<A, NoFilter>> {
    /// Adds a service for the role Filter (FastCGI §6.4): it gets a file with each request, as
    /// [`FilterData`](crate::FilterData).
    ///
    /// A second filter is an error of the compiler: this method is not found.
    ///
    /// No web server is known to use this role today.
    pub fn with_filter<F>(
        self,
        filter: F,
    ) -> Serve<L, RoleRouter<M, F>, WithRole<K>, ServedRoles<A, HasFilter>>
    where
        F: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
    {
        self.with_role(Role::FILTER, Roles::FILTER, filter)
    }
}

impl<L, M, K, R> IntoFuture for Serve<L, M, K, R>
where
    L: Listener<Addr: fmt::Debug>,
    M: MakeFcgiService<L, K>,
    K: 'static,
    R: 'static,
{
    type Output = io::Result<()>;
    type IntoFuture = ServeFuture;

    fn into_future(self) -> ServeFuture {
        self.with_graceful_shutdown(std::future::pending()).into_future()
    }
}
