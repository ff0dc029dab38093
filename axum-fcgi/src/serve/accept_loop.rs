//! Accepts connections until the shutdown, and spawns a task for each.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use tokio::time::{Instant, timeout, timeout_at};
use tower_fcgi::stats::Refusal;
use tower_fcgi::{Builder, Roles, Stats};

use super::config::Config;
use super::deadline::Deadline;
use super::descriptor_limit;
use super::http_upgrades::HttpUpgrades;
use super::incoming_stream::IncomingStream;
use super::make_service::make_fcgi_service::MakeFcgiService;
use super::service::AxumService;
use super::shutdown::{Ended, Shutdown, ShutdownCause};
use super::socket_options::{reset_on_close, set_nodelay};
use super::start_log::log_start;
use crate::accept::{AcceptLog, Connections, TrackedConnection, accept_next};

/// The most connections that are accepted after the shutdown signal: those that the system has queued, which would be
/// reset when the listener closes. A limit, because further ones may arrive and must not delay the shutdown.
const MAX_BACKLOG: usize = 4096;

/// How long connections in the system's queue wait for room at `max_connections`.
const DRAIN_WAIT: Duration = Duration::from_secs(1);

/// If no connection arrives within this time, the system's queue is empty.
const BACKLOG_WAIT: Duration = Duration::from_millis(1);

/// What `serve` and `serve_auto` decide besides the configuration.
pub(super) struct Startup {
    pub(super) roles: Roles,
    pub(super) stats: Option<Stats>,
    /// For the log.
    pub(super) started_by: &'static str,
}

/// Serves `listener`, and upgrades on `http`, until `signal`, and then shuts down gracefully. `T` is the listener that a
/// make-service knows.
pub(super) async fn run<L, T, M, K>(
    listener: L,
    http: Option<L>,
    service: M,
    config: Config,
    Startup { roles, stats, started_by }: Startup,
    signal: impl Future<Output = ShutdownCause>,
) -> Ended
where
    L: Listener<Addr: fmt::Debug>,
    T: Listener<Io = L::Io, Addr = L::Addr>,
    M: MakeFcgiService<T, K>,
{
    let max = descriptor_limit::max_connections(config.max_connections, config.raise_descriptor_limit);
    log_start(&listener, http.as_ref(), &config, max, started_by);
    #[cfg(all(unix, feature = "systemd-notify"))]
    let _watchdog = super::systemd_notify::Watchdog::start();
    let advertised = u32::try_from(max).unwrap_or(u32::MAX);
    let http_upgrades = HttpUpgrades::new(&config.connection);
    let mut builder = Builder::new()
        .with_config(config.connection)
        .with_roles(roles)
        .with_advertised_max_connections(advertised);
    if let Some(stats) = &stats {
        builder = builder.with_stats(stats.clone());
    }
    let connections = Arc::new(Connections::default());
    let log = AcceptLog::new(&connections, stats);
    let accept_loop = AcceptLoop {
        listener,
        http,
        service,
        max,
        shutdown_timeout: config.shutdown_timeout,
        builder,
        http_upgrades,
        connections: &connections,
        log: &log,
        kind: PhantomData::<fn() -> (T, K)>,
    };
    let shutdown = Arc::clone(&log).scope(accept_loop.run(signal)).await;
    shutdown.finish(&connections).await
}

/// A new connection, and what it carries.
struct Accepted<L: Listener> {
    protocol: Protocol,
    io: L::Io,
    peer: L::Addr,
}

enum Protocol {
    FastCgi,
    /// For upgrades only.
    Http,
}

struct AcceptLoop<'a, L, T, M, K> {
    listener: L,
    http: Option<L>,
    service: M,
    max: usize,
    shutdown_timeout: Option<Duration>,
    builder: Builder,
    http_upgrades: HttpUpgrades,
    connections: &'a Arc<Connections>,
    log: &'a AcceptLog,
    kind: PhantomData<fn() -> (T, K)>,
}

impl<L, T, M, K> AcceptLoop<'_, L, T, M, K>
where
    L: Listener<Addr: fmt::Debug>,
    T: Listener<Io = L::Io, Addr = L::Addr>,
    M: MakeFcgiService<T, K>,
{
    /// Accepts connections until `signal`, and then those that already wait. Returns the shutdown that has begun.
    async fn run(mut self, signal: impl Future<Output = ShutdownCause>) -> Shutdown {
        #[cfg(all(unix, feature = "systemd-notify"))]
        super::systemd_notify::ready();
        let (cause, accepted) = self.accept_until(pin!(signal)).await;
        let mut shutdown = Shutdown::begin(cause, self.connections, self.shutdown_timeout);
        #[cfg(all(unix, feature = "systemd-notify"))]
        super::systemd_notify::stopping();
        shutdown.accepted(self.drain(accepted, &shutdown.deadline).await);
        shutdown
    }

    /// Accepts connections until `signal`. Also returns the last one, if it still waits for room.
    async fn accept_until(
        &mut self,
        mut signal: Pin<&mut impl Future<Output = ShutdownCause>>,
    ) -> (ShutdownCause, Option<Accepted<L>>) {
        loop {
            let accepted = tokio::select! {
                biased;
                cause = &mut signal => return (cause, None),
                accepted = self.accept() => accepted,
            };
            if self.connections.len() >= self.max {
                tokio::select! {
                    biased;
                    // This connection may already carry a request.
                    cause = &mut signal => return (cause, Some(accepted)),
                    () = self.log.until_below(self.max) => {}
                }
            }
            tokio::select! {
                biased;
                () = self.spawn(accepted) => {}
                cause = &mut signal => {
                    self.log.count(Refusal::Shutdown);
                    return (cause, None);
                }
            }
        }
    }

    /// Accepts the connections that wait, as far as there is room. Returns their number.
    async fn drain(&mut self, accepted: Option<Accepted<L>>, deadline: &Deadline) -> usize {
        // Close idle connections first, which makes room for those in the queue.
        self.connections.start_shutdown();
        let mut next = accepted;
        let mut count = 0;
        let ends = Instant::now() + DRAIN_WAIT;
        let drain = async {
            while count < MAX_BACKLOG
                && timeout_at(ends, self.connections.until_below(self.max)).await.is_ok()
                && let Some(accepted) = self.next_waiting(next.take()).await
            {
                self.spawn_soon(accepted).await;
                count += 1;
            }
        };
        tokio::select! {
            biased;
            () = drain => {}
            () = deadline.passed() => {}
        }
        if next.is_some() {
            self.log.count(Refusal::Shutdown);
        }
        count
    }

    /// The next connection that waits, if `first` is not one.
    async fn next_waiting(&mut self, first: Option<Accepted<L>>) -> Option<Accepted<L>> {
        match first {
            Some(accepted) => Some(accepted),
            None => timeout(BACKLOG_WAIT, self.accept()).await.ok(),
        }
    }

    /// Accepts the next connection of either listener.
    ///
    /// # Cancel safety
    /// The same as that of the listeners.
    async fn accept(&mut self) -> Accepted<L> {
        let fastcgi = accept_next(&mut self.listener, self.log);
        let Some(http) = &mut self.http else {
            let (io, peer) = fastcgi.await;
            return Accepted { protocol: Protocol::FastCgi, io, peer };
        };
        let (protocol, (io, peer)) = tokio::select! {
            accepted = fastcgi => (Protocol::FastCgi, accepted),
            accepted = accept_next(http, self.log) => (Protocol::Http, accepted),
        };
        Accepted { protocol, io, peer }
    }

    /// Serves a connection in its own task, or closes it if its service is not made at once: the shutdown does not wait.
    async fn spawn_soon(&mut self, accepted: Accepted<L>) {
        if timeout(BACKLOG_WAIT, self.spawn(accepted)).await.is_err() {
            self.log.count(Refusal::Shutdown);
            tracing::debug!("closed a connection whose service was not made before the shutdown");
        }
    }

    /// Makes the service of a connection, and serves it in its own task.
    async fn spawn(&mut self, Accepted { protocol, io, peer }: Accepted<L>) {
        set_nodelay(&io);
        poll_fn(|cx| self.service.poll_ready(cx)).await;
        let service = self.service.make_service(IncomingStream::new(&io, &peer)).await;
        match protocol {
            Protocol::FastCgi => {
                let connection = self.builder.serve_connection(io, AxumService::new(service));
                let connection = connection.on_incomplete_response(reset_on_close).peer(peer);
                let guard = self.connections.register(connection.handle());
                // In a box: tokio moves the future of a task several times, and rounds the memory of a task up to 128 bytes.
                tokio::spawn(Box::pin(TrackedConnection::new(connection, guard)));
            }
            Protocol::Http => {
                let counted = self.builder.stats().map(|stats| stats.open_http_connection(&peer));
                self.http_upgrades.spawn(io, &peer, service, self.connections, counted);
            }
        }
    }
}
