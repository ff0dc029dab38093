//! `serve_auto`: whatever starts the program.

use std::convert::Infallible;
use std::fmt;
use std::future::pending;
use std::io;
use std::pin::Pin;

use axum::extract::Request;
use axum::response::Response;
use axum::serve::Listener;
use tower_service::Service;

use super::detect::StartMode;
use super::signals::Signals;
use super::{cgi, detect, front_controllers};
use crate::listen::{AllowList, AllowListener};
use crate::serve::builder::serve;
use crate::serve::config::Config;
use crate::serve::future::ServeFuture;

/// Serves `service` to whoever has started the program: one binary for FastCGI under a web server, under systemd
/// and by hand, and for plain CGI.
///
/// It looks for these, in this order, and serves the first that there is:
///
/// | what there is | who started the program | what is served |
/// | --- | --- | --- |
/// | FCGI_LISTEN in the environment | anyone: a shell, a container, a supervisor | FastCGI, at these addresses: one or more of the strings of an [`Address`](crate::Address), separated by commas or spaces |
/// | LISTEN_FDS for this process | systemd, with a `.socket` unit | FastCGI, at all sockets that it passes |
/// | a listening socket at fd 0 (FastCGI §2.2) | Apache's mod_fcgid, lighttpd's `bin-path`, H2O's `fastcgi.spawn`, spawn-fcgi, cgi-fcgi | FastCGI, at that socket |
/// | GATEWAY_INTERFACE in the environment (RFC 3875 §4.1.4) | a web server that runs it as a CGI program | one request, over stdin and stdout; then the future ends |
///
/// An [`AllowList`](crate::AllowList) in FCGI_WEB_SERVER_ADDRS (FastCGI §3.2) holds for TCP sockets; without it, one
/// that is open to the network is a warning in the log, as with [`serve`](crate::serve()).
///
/// FCGI_FRONT_CONTROLLERS in the environment, paths separated by commas or spaces, replaces the [front
/// controllers](tower_fcgi::Config::with_front_controllers) of the configuration: the operator rewrites requests to them, and
/// knows their names.
///
/// # The end
/// SIGTERM, which systemd and web servers send, and SIGINT, which is Ctrl-C, end it gracefully: no more connections
/// are accepted, and requests under way are answered, for as long as [`Config::shutdown_timeout`] allows. The program
/// then has no other reaction to these two signals, also once the future has ended.
///
/// A CGI program has nothing to wait for on a signal: its handler is dropped, and its answer is left as far as it is
/// out.
///
/// # As a CGI program
/// - `main` is to end when the future does, and to return its error, so that the program's exit status tells of it.
///   A web server waits for that end.
/// - stdin is `/dev/null` for everything else in the program, and stdout is stderr: what is printed would be a part of
///   the answer. That cannot be helped for what is printed before the future is first polled.
/// - Every request is a process, with all that `main` does before it serves. A runtime of one thread starts sooner.
/// - Of [`Config`], the request's target and the front controllers apply. The web server has limits and time-outs of its own for CGI programs.
///
/// See [`tower_fcgi::serve_cgi`] for the rest.
///
/// # Output
/// An error where FCGI_FRONT_CONTROLLERS has something else than paths; where nothing says how to serve, which has all that was looked for and how to start the program instead;
/// where FCGI_LISTEN cannot be listened at; where a socket that was passed cannot be served; and, as a CGI program,
/// where the answer is not whole.
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

/// What [`serve_auto`] gives: await it.
#[must_use = "nothing is served until it is awaited"]
pub struct ServeAuto<S> {
    service: S,
    config: Config,
    signal: Signal,
}

/// The end, as the application has it.
type Signal = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<S> ServeAuto<S> {
    /// With other settings than the default ones.
    pub fn with_config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Ends serving when `signal` does, as SIGTERM and SIGINT do all the same.
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
    // Before anything is there to be served: whoever sees a socket may send a signal.
    let signals = Signals::install()?;
    if let Some(paths) = front_controllers::from_env()? {
        config.connection = config.connection.with_front_controllers(paths);
    }
    let stop = async {
        tokio::select! {
            () = signals.received() => {}
            () = signal => {}
        }
    };
    match detect::find()? {
        StartMode::Cgi => cgi::serve(service, config, stop).await,
        StartMode::Listeners(listeners) => match AllowList::from_env() {
            Some(list) => listen(AllowListener::new(listeners, list), service, config, stop).await,
            None => listen(listeners, service, config, stop).await,
        },
    }
}

async fn listen<L, S>(
    listener: L,
    service: S,
    config: Config,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()>
where
    L: Listener<Addr: fmt::Debug>,
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    serve(listener, service).with_config(config).with_graceful_shutdown(stop).await
}
