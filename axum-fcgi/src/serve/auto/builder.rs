//! `serve_auto` and its settings.

use std::convert::Infallible;
use std::fmt;
use std::future::pending;
use std::io;
use std::pin::Pin;

use axum::extract::Request;
use axum::response::Response;
use axum::serve::Listener;
use tower_service::Service;

use super::addresses::Sockets;
use super::detect::{StartMode, detect};
use super::signals::Signals;
use super::{cgi, front_controllers};
use crate::listen::{AllowList, AllowListener};
use crate::serve::builder::serve;
use crate::serve::config::Config;
use crate::serve::future::ServeFuture;

/// Serves `service` however the program was started: by a web server, systemd, a shell, or as a CGI program.
///
/// It checks for the following, in this order, and serves the first that it finds:
///
/// | found | started by | serves |
/// | --- | --- | --- |
/// | FCGI_LISTEN in the environment | anyone: a shell, a container, a supervisor | FastCGI on these addresses: one or more [`Address`](crate::Address) strings, separated by commas or spaces. One with `http:` in front is an HTTP socket [for upgrades](crate::Serve::with_upgrades_over_http), such as WebSockets: `/run/app/fcgi.sock,http:/run/app/http.sock` |
/// | LISTEN_FDS for this process | systemd, with a `.socket` unit | FastCGI on all sockets that it passes |
/// | a listening socket at fd 0 (FastCGI §2.2) | Apache's mod_fcgid, lighttpd's `bin-path`, H2O's `fastcgi.spawn`, spawn-fcgi, cgi-fcgi | FastCGI on that socket |
/// | GATEWAY_INTERFACE in the environment (RFC 3875 §4.1.4) | a web server that runs it as a CGI program | one request, over stdin and stdout; then the future completes |
///
/// An [`AllowList`](crate::AllowList) in FCGI_WEB_SERVER_ADDRS (FastCGI §3.2) applies to TCP sockets. Without it, one that
/// is open to the network is logged at `warn`, as with [`serve`](crate::serve()).
///
/// FCGI_FRONT_CONTROLLERS in the environment, paths separated by commas or spaces, replaces the
/// [front controllers](tower_fcgi::Config::with_front_controllers) of the configuration: the operator who rewrites requests
/// to them knows their paths.
///
/// # Shutdown
/// SIGTERM, which systemd and web servers send, and SIGINT (Ctrl-C) start a graceful shutdown: no more connections are
/// accepted, and requests in flight complete within [`Config::with_shutdown_timeout`]. Afterwards the program keeps ignoring
/// these two signals, also when the future has completed.
///
/// A CGI program stops at once on a signal: its handler is dropped, and its response remains incomplete.
///
/// # As a CGI program
/// - `main` must return when the future completes, and return its error, so that the exit status shows it. The web server
///   waits for the program to end.
/// - For the rest of the program, stdin is `/dev/null` and stdout is stderr, since printed text would become part of the
///   response. This starts when the future is first polled: do not print before.
/// - Each request starts a process, and runs everything that `main` does before it serves. A single-threaded runtime starts
///   faster.
/// - Of [`Config`], only the request's target and the front controllers apply. The web server has its own limits and
///   timeouts for CGI programs.
///
/// See [`tower_fcgi::serve_cgi`] for the rest.
///
/// # Output
/// The future returns an error
/// - if FCGI_FRONT_CONTROLLERS contains anything but paths;
/// - if it finds none of the above: the message lists what was checked, and how to start the program;
/// - if it cannot listen on FCGI_LISTEN, or cannot use a socket that was passed;
/// - as a CGI program, if the response is incomplete.
///
/// # Panics
/// The future panics outside a tokio runtime whose I/O and time are enabled.
///
/// # Examples
/// ```no_run
/// use axum::{Router, routing::get};
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> std::io::Result<()> {
///     let router = Router::new().route("/", get(async || "Hello, World!"));
///     axum_fcgi::serve_auto(router).await
/// }
/// ```
pub fn serve_auto<S>(service: S) -> ServeAuto<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    ServeAuto { service, config: Config::default(), signal: Box::pin(pending()) }
}

/// The builder that [`serve_auto`] returns. Await it to serve.
#[must_use = "nothing is served until it is awaited"]
pub struct ServeAuto<S> {
    service: S,
    config: Config,
    signal: Signal,
}

/// The application's own shutdown signal.
type Signal = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<S> ServeAuto<S> {
    /// Replaces the default settings.
    pub fn with_config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Also shuts down gracefully when `signal` completes, in addition to SIGTERM and SIGINT.
    pub fn with_graceful_shutdown(mut self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        self.signal = Box::pin(signal);
        self
    }
}

impl<S> IntoFuture for ServeAuto<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    type Output = io::Result<()>;
    type IntoFuture = ServeFuture;

    fn into_future(self) -> ServeFuture {
        ServeFuture::new(run(self))
    }
}

impl<S> fmt::Debug for ServeAuto<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeAuto").field("config", &self.config).finish_non_exhaustive()
    }
}

async fn run<S>(ServeAuto { service, mut config, signal }: ServeAuto<S>) -> io::Result<()>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    // Install before the sockets exist: a supervisor that sees a socket may send a signal.
    let signals = Signals::install()?;
    if let Some(paths) = front_controllers::from_env()? {
        config.connection = config.connection.with_front_controllers(paths);
    }
    let shutdown = async {
        tokio::select! {
            () = signals.received() => {}
            () = signal => {}
        }
    };
    match detect()? {
        StartMode::Cgi => cgi::serve(service, config, shutdown).await,
        StartMode::Sockets(Sockets { fastcgi, http }) => match AllowList::from_env() {
            Some(list) => {
                let http = http.map(|http| AllowListener::new(http, list.clone()));
                listen(AllowListener::new(fastcgi, list), http, service, config, shutdown).await
            }
            None => listen(fastcgi, http, service, config, shutdown).await,
        },
    }
}

async fn listen<L, S>(
    listener: L,
    http: Option<L>,
    service: S,
    config: Config,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()>
where
    L: Listener<Addr: fmt::Debug>,
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    let serve = serve(listener, service).with_config(config);
    match http {
        Some(http) => serve.with_upgrades_over_http(http).with_graceful_shutdown(shutdown).await,
        None => serve.with_graceful_shutdown(shutdown).await,
    }
}
