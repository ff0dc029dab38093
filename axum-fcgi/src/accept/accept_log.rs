//! Logs errors of accept, and waits for room.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tower_fcgi::LogThrottle;

use super::connections::Connections;
use super::exhaustion;

/// How long to wait after an error, unless a connection ends earlier.
const RETRY_AFTER: Duration = Duration::from_secs(1);

tokio::task_local! {
    /// The log of the `serve` that this task runs. axum's `Listener` cannot return an error, so the listeners of this
    /// crate report theirs here, however they are wrapped.
    static CURRENT: Arc<AcceptLog>;
}

/// The errors of all listeners of one `serve`.
#[derive(Debug)]
pub(crate) struct AcceptLog {
    connections: Arc<Connections>,
    /// Listeners that wait after an error.
    waiting: AtomicUsize,
    /// An error repeats every second, and for each listener.
    throttle: LogThrottle,
}

impl AcceptLog {
    pub(crate) fn new(connections: &Arc<Connections>) -> Arc<Self> {
        let connections = Arc::clone(connections);
        Arc::new(Self { connections, waiting: AtomicUsize::new(0), throttle: LogThrottle::new() })
    }

    /// Runs `serve`, whose listeners report their errors here.
    pub(crate) async fn scope<F: Future>(self: Arc<Self>, serve: F) -> F::Output {
        CURRENT.scope(self, serve).await
    }

    /// Whether a listener waits after an error.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Closes an idle connection because no descriptor is left.
    pub(super) async fn make_room(&self) {
        self.log(&"no file descriptor is left");
        self.connections.make_room(RETRY_AFTER).await;
    }

    async fn wait_out(&self, error: &io::Error) {
        self.log(error);
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = WaitingGuard(&self.waiting);
        if exhaustion::is_exhaustion(error) {
            self.connections.make_room(RETRY_AFTER).await;
        } else {
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    fn log(&self, error: &dyn std::fmt::Display) {
        if let Some(count) = self.throttle.check() {
            let connections = self.connections.len();
            tracing::error!(%error, connections, count, "no connection can be accepted; retrying");
        }
    }
}

/// Logs an error of accept, and waits before the next attempt.
pub(super) async fn wait_out(error: &io::Error) {
    match CURRENT.try_with(Arc::clone) {
        Ok(log) => log.wait_out(error).await,
        // The listener is not served by this crate.
        Err(_) => {
            tracing::error!(%error, "no connection can be accepted; retrying");
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }
}

struct WaitingGuard<'a>(&'a AtomicUsize);

impl Drop for WaitingGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
