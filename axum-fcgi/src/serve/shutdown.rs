//! The end of `serve`: what starts it, and what it cost.

use std::time::Duration;

use tokio::time::Instant;

use super::deadline::Deadline;
use crate::accept::Connections;

/// How long to wait for [aborted](Connections::abort) connections. They end when they are polled. Only a handler that blocks
/// its thread keeps one open.
pub(super) const ABORT_WAIT: Duration = Duration::from_millis(250);

/// The most peers in a log line.
const MAX_PEERS: usize = 10;

/// What has started a shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShutdownCause {
    /// The future of `with_graceful_shutdown` has completed.
    Application,
    /// A signal to the process. `next`: what another one does.
    #[cfg(unix)]
    Signal { name: &'static str, next: &'static str },
}

impl ShutdownCause {
    const fn name(self) -> &'static str {
        match self {
            Self::Application => "the application",
            #[cfg(unix)]
            Self::Signal { name, .. } => name,
        }
    }

    const fn next(self) -> &'static str {
        match self {
            Self::Application => "",
            #[cfg(unix)]
            Self::Signal { next, .. } => next,
        }
    }
}

/// How the connections have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Ended {
    All,
    /// At the deadline some were aborted. What their handlers gave to `spawn_blocking` may still run.
    Aborted,
    /// A handler blocks its thread.
    Stuck,
}

/// A shutdown in progress.
pub(super) struct Shutdown {
    begun: Instant,
    limit: Option<Duration>,
    pub(super) deadline: Deadline,
    /// Connections with a request when it began, or accepted since.
    busy: usize,
}

impl Shutdown {
    /// Logs that the shutdown begins, and starts its time.
    pub(super) fn begin(cause: ShutdownCause, connections: &Connections, limit: Option<Duration>) -> Self {
        let (open, busy) = (connections.len(), connections.busy());
        tracing::info!(
            cause = cause.name(),
            busy,
            idle = open - busy.min(open),
            shutdown_timeout = ?limit,
            "shutting down: no more connections are accepted, and requests in flight complete{}",
            cause.next()
        );
        Self { begun: Instant::now(), limit, deadline: Deadline::after(limit), busy }
    }

    /// Connections were accepted since.
    pub(super) const fn accepted(&mut self, connections: usize) {
        self.busy += connections;
    }

    /// Waits for all connections; aborts those that are left at the deadline.
    pub(super) async fn finish(self, connections: &Connections) -> Ended {
        connections.start_shutdown();
        let mut dropped = 0;
        let mut ended = Ended::All;
        tokio::select! {
            biased;
            () = connections.all_ended() => {}
            () = self.deadline.passed() => {
                dropped = connections.len();
                tracing::warn!(connections = dropped, limit = ?self.limit, "graceful shutdown timed out: aborting connections");
                ended = abort(connections).await;
            }
        }
        let (finished, took) = (self.busy.saturating_sub(dropped), self.begun.elapsed());
        tracing::info!(finished, dropped, ?took, "the shutdown is complete");
        ended
    }
}

async fn abort(connections: &Connections) -> Ended {
    connections.abort();
    let wait = Deadline::after(Some(ABORT_WAIT));
    tokio::select! {
        biased;
        () = connections.all_ended() => return Ended::Aborted,
        () = wait.passed() => {}
    }
    let (left, peers) = (connections.len(), connections.peers(MAX_PEERS));
    let upgraded = connections.upgraded_over_http();
    if upgraded == left {
        tracing::warn!(
            connections = left,
            ?peers,
            "upgraded connections of the HTTP socket do not end: a handler holds a stream, and does not read or write it"
        );
        return Ended::Aborted;
    }
    tracing::error!(
        connections = left,
        ?peers,
        "connections do not end: a handler blocks its thread, or holds an upgraded stream; their requests are lost when the process ends"
    );
    Ended::Stuck
}
