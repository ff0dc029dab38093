//! Accepts connections until the shutdown, and spawns a task for each.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use tokio::time::timeout;
use tower_fcgi::{Builder, Roles, Stats};

use super::config::Config;
use super::descriptor_limit;
use super::http_upgrades::HttpUpgrades;
use super::incoming_stream::IncomingStream;
use super::make_service::make_fcgi_service::MakeFcgiService;
use super::service::AxumService;
use super::socket_options::{reset_on_close, set_nodelay};
use crate::accept::{AcceptLog, Connections, TrackedConnection, accept_next};

/// The most connections that are accepted after the shutdown signal: those that the system has queued, which would be
/// reset when the listener closes. A limit, because further ones may arrive and must not delay the shutdown.
const MAX_BACKLOG: usize = 4096;

/// If no connection arrives within this time, the system's queue is empty.
const BACKLOG_WAIT: Duration = Duration::from_millis(1);

/// Serves `listener`, and upgrades on `http`, until `signal`, and then shuts down gracefully. `T` is the listener that a make-service knows.
pub(super) async fn run<L, T, M, K>(
    listener: L,
    http: Option<L>,
    service: M,
    config: Config,
    roles: Roles,
    stats: Option<Stats>,
    signal: impl Future<Output = ()>,
) where
    L: Listener<Addr: fmt::Debug>,
    T: Listener<Io = L::Io, Addr = L::Addr>,
    M: MakeFcgiService<T, K>,
{
    let max = descriptor_limit::max_connections(config.max_connections, config.raise_descriptor_limit);
    let advertised = u32::try_from(max).unwrap_or(u32::MAX);
    let http_upgrades = HttpUpgrades::new(&config.connection);
    let mut builder = Builder::new()
        .with_config(config.connection)
        .with_roles(roles)
        .with_advertised_max_connections(advertised);
    if let Some(stats) = stats {
        builder = builder.with_stats(stats);
    }
    let connections = Arc::new(Connections::default());
    let log = AcceptLog::new(&connections);
    let accept_loop = AcceptLoop {
        listener,
        http,
        service,
        max,
        builder,
        http_upgrades,
        connections: &connections,
        log: &log,
        kind: PhantomData::<fn() -> (T, K)>,
    };
    Arc::clone(&log).scope(accept_loop.run(signal)).await;
    connections.shut_down(config.shutdown_timeout).await;
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
    /// Accepts connections until `signal`, and then those that already wait.
    async fn run(mut self, signal: impl Future<Output = ()>) {
        let mut signal = pin!(signal);
        #[cfg(all(unix, feature = "systemd-notify"))]
        super::systemd_notify::ready();
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut signal => break,
                accepted = self.accept() => accepted,
            };
            let stop = self.connections.len() >= self.max
                && tokio::select! {
                    biased;
                    () = &mut signal => true,
                    () = self.connections.until_below(self.max) => false,
                };
            // Also after the signal: this connection may already carry a request.
            if stop {
                self.spawn_soon(accepted).await;
                break;
            }
            tokio::select! {
                biased;
                () = self.spawn(accepted) => {}
                () = &mut signal => break,
            }
        }
        #[cfg(all(unix, feature = "systemd-notify"))]
        super::systemd_notify::stopping();
        // Close idle connections first, which makes room for those in the queue.
        self.connections.start_shutdown();
        for _ in 0..MAX_BACKLOG {
            let next = timeout(BACKLOG_WAIT, self.accept());
            let Ok(accepted) = next.await else { break };
            self.spawn_soon(accepted).await;
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
                let connection = connection.on_incomplete_response(reset_on_close).peer(&peer);
                let guard = self.connections.register(connection.handle());
                // In a box: tokio moves the future of a task several times, and rounds the memory of a task up to 128 bytes.
                tokio::spawn(Box::pin(TrackedConnection::new(connection, guard)));
            }
            Protocol::Http => self.http_upgrades.spawn(io, &peer, service, self.connections),
        }
    }
}
