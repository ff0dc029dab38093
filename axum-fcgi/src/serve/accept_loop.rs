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
use tokio::time::timeout;
use tower_fcgi::{Builder, Roles};
use tower_service::Service;

use super::config::Config;
use super::descriptor_limit;
use super::service::AxumService;
use super::socket_options::{reset_on_close, set_nodelay};
use crate::accept::{AcceptLog, Connections, TrackedConnection, accept_next};

/// The most connections that are accepted after the shutdown signal: those that the system has queued, which would be
/// reset when the listener closes. A limit, because further ones may arrive and must not delay the shutdown.
const MAX_BACKLOG: usize = 4096;

/// If no connection arrives within this time, the system's queue is empty.
const BACKLOG_WAIT: Duration = Duration::from_millis(1);

/// Serves `listener` until `signal`, and then shuts down gracefully.
pub(super) async fn run<L, S, F>(listener: L, service: S, config: Config, roles: Roles, signal: F)
where
    L: Listener,
    L::Addr: fmt::Debug,
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
    F: Future<Output = ()>,
{
    let max = descriptor_limit::max_connections(config.max_connections, config.raise_descriptor_limit);
    let advertised = u32::try_from(max).unwrap_or(u32::MAX);
    let builder = Builder::new()
        .with_config(config.connection)
        .with_roles(roles)
        .with_advertised_max_connections(advertised);
    let connections = Arc::new(Connections::default());
    #[cfg(unix)]
    crate::listen::warn_if_exposed(&listener);
    let log = AcceptLog::new(&connections);
    let accept_loop = AcceptLoop { listener, service, max, builder, connections: &connections, log: &log };
    Arc::clone(&log).scope(accept_loop.run(signal)).await;
    connections.shut_down(config.shutdown_timeout).await;
}

struct AcceptLoop<'a, L, S> {
    listener: L,
    service: S,
    max: usize,
    builder: Builder,
    connections: &'a Arc<Connections>,
    log: &'a AcceptLog,
}

impl<L, S> AcceptLoop<'_, L, S>
where
    L: Listener,
    L::Addr: fmt::Debug,
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
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
                accepted = accept_next(&mut self.listener, self.log) => accepted,
            };
            let stop = self.connections.len() >= self.max
                && tokio::select! {
                    biased;
                    () = &mut signal => true,
                    () = self.connections.until_below(self.max) => false,
                };
            // Also after the signal: this connection may already carry a request.
            self.spawn(accepted);
            if stop {
                break;
            }
        }
        #[cfg(all(unix, feature = "systemd-notify"))]
        super::systemd_notify::stopping();
        // Close idle connections first, which makes room for those in the queue.
        self.connections.start_shutdown();
        for _ in 0..MAX_BACKLOG {
            let next = timeout(BACKLOG_WAIT, accept_next(&mut self.listener, self.log));
            let Ok(accepted) = next.await else { break };
            self.spawn(accepted);
        }
    }

    /// Serves a connection in its own task.
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
