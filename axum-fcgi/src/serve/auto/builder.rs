//! `serve_auto` and its settings.

use std::fmt;
use std::future::pending;
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::atomic::Ordering;

use tower_fcgi::{Roles, Stats};

use super::detect::{StartMode, StartedBy, detect};
use super::exit_watchdog::{ExitWatchdog, WatchGuard};
use super::listener::AutoListener;
use super::signals::{self, SecondTerm, Signals};
use super::{cgi, front_controllers, hangup};
use crate::allow_list::AllowList;
use crate::listen::FcgiListener;
use crate::serve::accept_loop::{self, Startup};
use crate::serve::config::Config;
use crate::serve::future::ServeFuture;
use crate::serve::make_service::make_fcgi_service::MakeFcgiService;
use crate::serve::prepare::prepare;
use crate::serve::shutdown::{Ended, ShutdownCause};

/// Serves `service` however the program was started: by a web server, systemd, a shell, or as a CGI program. Only on Unix.
///
/// `service` is a service or make-service as for [`serve`](crate::serve()). An [`IncomingStream`](crate::IncomingStream)
/// has the type of an [`FcgiListener`]'s, however the program was started.
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
/// SIGTERM, which systemd and web servers send, SIGINT (Ctrl-C) and SIGHUP (see
/// [`with_hangup_shutdown`](ServeAuto::with_hangup_shutdown)) start a graceful shutdown: no more connections are accepted, and
/// requests in flight complete within [`Config::with_shutdown_timeout`].
///
/// A second SIGTERM or SIGINT, also after the future has completed, ends the program at once, and so does the first one after a
/// SIGHUP or the application's own signal. Except for SIGTERM in a program
/// that was started with a socket at fd 0: Apache's mod_fcgid sends it again after a second, while requests are in flight.
///
/// If a handler blocks its thread, the process ends with the status 1 about a second after the timeout, even if the future
/// has completed by then: the runtime waits for the thread, so `main` would not return. It also waits for the threads of
/// `spawn_blocking`, which are not known here: if requests were dropped at the timeout, the process ends with the status 1
/// unless `main` returns within 5 s after the future has completed.
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
pub fn serve_auto<M, K>(service: M) -> ServeAuto<M, K>
where
    M: MakeFcgiService<FcgiListener, K>,
{
    ServeAuto {
        service: prepare(service),
        config: Config::default(),
        signal: Box::pin(pending()),
        hangup: hangup::Setting::default(),
        stats: None,
        kind: PhantomData,
    }
}

/// The builder that [`serve_auto`] returns. Await it to serve. Its methods can be called in any order.
///
/// `M` is the service or make-service, and `K` its [kind](crate::make_service).
///
/// ```no_run
/// use axum::{Router, routing::get};
/// use axum_fcgi::{Config, Stats};
///
/// #[tokio::main]
/// async fn main() -> std::io::Result<()> {
///     let router = Router::new().route("/", get(async || "Hello, World!"));
///     axum_fcgi::serve_auto(router)
///         .with_config(Config::default().with_max_connections(512))
///         .with_stats(Stats::new())
///         .await
/// }
/// ```
#[must_use = "nothing is served until it is awaited"]
pub struct ServeAuto<M, K> {
    service: M,
    config: Config,
    signal: Signal,
    hangup: hangup::Setting,
    stats: Option<Stats>,
    kind: PhantomData<fn() -> K>,
}

/// The application's own shutdown signal.
type Signal = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<M, K> ServeAuto<M, K> {
    /// Replaces the default settings. The last call counts.
    pub fn with_config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Counts what the connections and their requests do: see [`Stats`]. Default: nothing is counted, nor is it in a CGI
    /// program. The last call counts.
    pub fn with_stats(mut self, stats: Stats) -> Self {
        self.stats = Some(stats);
        self
    }

    /// Also shuts down gracefully when `signal` completes, in addition to SIGTERM and SIGINT. The last call counts.
    pub fn with_graceful_shutdown(mut self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        self.signal = Box::pin(signal);
        self
    }

    /// Sets whether SIGHUP, which a terminal sends when it is closed, starts a graceful shutdown like SIGTERM. Otherwise the
    /// signal keeps the effect that it had.
    ///
    /// Default: it does, unless it was ignored when the program started, as `nohup` does. On systems other than Linux, where
    /// that cannot be determined, the default is no.
    pub fn with_hangup_shutdown(mut self, handle: bool) -> Self {
        self.hangup = if handle { hangup::Setting::Always } else { hangup::Setting::Never };
        self
    }
}

impl<M, K> IntoFuture for ServeAuto<M, K>
where
    M: MakeFcgiService<FcgiListener, K>,
    K: 'static,
{
    type Output = io::Result<()>;
    type IntoFuture = ServeFuture;

    fn into_future(self) -> ServeFuture {
        ServeFuture::new(run(self))
    }
}

impl<M, K> fmt::Debug for ServeAuto<M, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeAuto").field("config", &self.config).finish_non_exhaustive()
    }
}

async fn run<M, K>(serve: ServeAuto<M, K>) -> io::Result<()>
where
    M: MakeFcgiService<FcgiListener, K>,
{
    let ServeAuto { service, mut config, signal, hangup, stats, kind: _ } = serve;
    let watchdog = ExitWatchdog::new(config.shutdown_timeout);
    let _guard = WatchGuard(watchdog.clone());
    // Install before the sockets exist: a supervisor that sees a socket may send a signal.
    let signals = Signals::install(hangup, watchdog.clone())?;
    if let Some(paths) = front_controllers::from_env()? {
        config.connection = config.connection.with_front_controllers(paths);
    }
    match detect()? {
        StartMode::Cgi => {
            let shutdown = shutdown(signals, signal, &watchdog, SecondTerm::Ends)?;
            let served = cgi::serve(service, config, shutdown).await;
            // If a signal has stopped it, its handler may block its thread.
            watchdog.finish(if served.is_ok() { Ended::All } else { Ended::Stuck });
            served
        }
        StartMode::Sockets(sockets, started_by) => {
            let second = if started_by == StartedBy::Stdin { SecondTerm::Ignored } else { SecondTerm::Ends };
            let shutdown = shutdown(signals, signal, &watchdog, second)?;
            let list = AllowList::from_env();
            let http = sockets.http.map(|listeners| AutoListener::new(listeners, list.clone()));
            let listener = AutoListener::new(sockets.fastcgi, list);
            let startup = Startup { roles: Roles::RESPONDER, stats, started_by: started_by.name() };
            let run = accept_loop::run::<_, FcgiListener, _, K>;
            let ended = run(listener, http, service, config, startup, shutdown).await;
            watchdog.finish(ended);
            Ok(())
        }
    }
}

/// Waits for a signal of the system or of the application.
fn shutdown(
    signals: Signals,
    signal: Signal,
    watchdog: &ExitWatchdog,
    second: SecondTerm,
) -> io::Result<impl Future<Output = ShutdownCause>> {
    let begun = signals::end_at_the_second(second)?;
    Ok(async move {
        let cause = tokio::select! {
            name = signals.received() => ShutdownCause::Signal { name, next: second.announcement() },
            () = signal => {
                watchdog.arm();
                ShutdownCause::Application
            }
        };
        // A SIGHUP or the application does not set it.
        begun.store(true, Ordering::SeqCst);
        cause
    })
}
