//! Accepts connections until the shutdown, and spawns a task for each.

use std::convert::Infallible;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tower_fcgi::{Builder, Roles};
use tower_service::Service;

use super::config::Config;
use super::descriptor_limit;
use super::http_upgrades::HttpUpgrades;
use super::service::AxumService;
use super::socket_options::{reset_on_close, set_nodelay};
use crate::accept::{AcceptLog, Connections, TrackedConnection, accept_next};

/// The most connections that are accepted after the shutdown signal: those that the system has queued, which would be
/// reset when the listener closes. A limit, because further ones may arrive and must not delay the shutdown.
const MAX_BACKLOG: usize = 4096;

/// If no connection arrives within this time, the system's queue is empty.
const BACKLOG_WAIT: Duration = Duration::from_millis(1);

/// Serves `listener`, and upgrades on `http`, until `signal`, and then shuts down gracefully.
pub(super) async fn run<L, H, S, F>(
    listener: L,
    http: Option<H>,
    service: S,
    config: Config,
    roles: Roles,
    signal: F,
) where
    L: Listener<Addr: fmt::Debug>,
    H: Listener<Addr: fmt::Debug>,
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
    F: Future<Output = ()>,
{
    let max = descriptor_limit::max_connections(config.max_connections, config.raise_descriptor_limit);
    let connections = Arc::new(Connections::default());
    let log = AcceptLog::new(&connections);
    // Dropped to stop the other listener. Its task ends with this future.
    let (stop, stopped) = oneshot::channel::<Infallible>();
    let mut http_task = JoinSet::new();
    if let Some(listener) = http {
        let upgrades = HttpUpgrades::new(service.clone(), &config, &connections);
        let serve = move |accepted| upgrades.spawn(accepted);
        let accept_loop = AcceptLoop::new(listener, serve, max, &connections, &log);
        let stopped = async {
            let _ = stopped.await;
        };
        http_task.spawn(Arc::clone(&log).scope(accept_loop.run(stopped)));
    }
    let fastcgi = FastCgiConnections::new(service, config.connection, roles, max, &connections);
    let serve = move |accepted| fastcgi.spawn(accepted);
    let accept_loop = AcceptLoop::new(listener, serve, max, &connections, &log);
    #[cfg(all(unix, feature = "systemd-notify"))]
    super::systemd_notify::ready();
    let signal = async {
        signal.await;
        drop(stop);
        #[cfg(all(unix, feature = "systemd-notify"))]
        super::systemd_notify::stopping();
    };
    Arc::clone(&log).scope(accept_loop.run(signal)).await;
    http_task.join_next().await;
    connections.shut_down(config.shutdown_timeout).await;
}

/// Accepts the connections of one listener.
struct AcceptLoop<L, C> {
    listener: L,
    /// Serves a connection in its own task.
    serve: C,
    max: usize,
    connections: Arc<Connections>,
    log: Arc<AcceptLog>,
}

impl<L, C> AcceptLoop<L, C>
where
    L: Listener,
    C: Fn((L::Io, L::Addr)),
{
    fn new(listener: L, serve: C, max: usize, connections: &Arc<Connections>, log: &Arc<AcceptLog>) -> Self {
        #[cfg(unix)]
        crate::listen::warn_if_exposed(&listener);
        Self { listener, serve, max, connections: Arc::clone(connections), log: Arc::clone(log) }
    }

    /// Accepts connections until `signal`, and then those that already wait.
    async fn run(mut self, signal: impl Future<Output = ()>) {
        let mut signal = pin!(signal);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut signal => break,
                accepted = accept_next(&mut self.listener, &self.log) => accepted,
            };
            let stop = tokio::select! {
                biased;
                () = &mut signal => true,
                () = self.connections.until_below(self.max) => false,
            };
            // Also after the signal: this connection may already carry a request.
            (self.serve)(accepted);
            if stop {
                break;
            }
        }
        // Close idle connections first, which makes room for those in the queue.
        self.connections.start_shutdown();
        for _ in 0..MAX_BACKLOG {
            let next = timeout(BACKLOG_WAIT, accept_next(&mut self.listener, &self.log));
            let Ok(accepted) = next.await else { break };
            (self.serve)(accepted);
        }
    }
}

/// Serves FastCGI connections.
struct FastCgiConnections<S> {
    builder: Builder,
    service: S,
    connections: Arc<Connections>,
}

impl<S> FastCgiConnections<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    fn new(
        service: S,
        config: tower_fcgi::Config,
        roles: Roles,
        max: usize,
        connections: &Arc<Connections>,
    ) -> Self {
        let advertised = u32::try_from(max).unwrap_or(u32::MAX);
        let builder =
            Builder::new().with_config(config).with_roles(roles).with_advertised_max_connections(advertised);
        Self { builder, service, connections: Arc::clone(connections) }
    }

    fn spawn<IO, A>(&self, (io, peer): (IO, A))
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        A: fmt::Debug,
    {
        set_nodelay(&io);
        let connection = self.builder.serve_connection(io, AxumService::new(self.service.clone()));
        let connection = connection.on_incomplete_response(reset_on_close).peer(&peer);
        let guard = self.connections.register(connection.handle());
        tokio::spawn(TrackedConnection::new(connection, guard));
    }
}
