//! Logs errors of accept, and waits for room.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tower_fcgi::stats::Refusal;
use tower_fcgi::{LogThrottle, Stats};

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
    stats: Option<Stats>,
}

impl AcceptLog {
    pub(crate) fn new(connections: &Arc<Connections>, stats: Option<Stats>) -> Arc<Self> {
        let connections = Arc::clone(connections);
        let throttle = LogThrottle::new();
        Arc::new(Self { connections, waiting: AtomicUsize::new(0), throttle, stats })
    }

    /// Runs `serve`, whose listeners report their errors here.
    pub(crate) async fn scope<F: Future>(self: Arc<Self>, serve: F) -> F::Output {
        CURRENT.scope(self, serve).await
    }

    /// Whether a listener waits after an error.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Counts a connection that is not served.
    pub(crate) fn count(&self, refusal: Refusal) {
        if let Some(stats) = &self.stats {
            stats.on_refused(refusal);
        }
    }

    /// Waits until fewer than `max` connections are open, and counts the time.
    pub(crate) async fn until_below(&self, max: usize) {
        let since = Instant::now();
        self.connections.until_below(max).await;
        if let Some(stats) = &self.stats {
            stats.on_accept_wait(since.elapsed());
        }
    }

    /// Closes an idle connection because no descriptor is left.
    pub(super) async fn make_room(&self) {
        self.count(Refusal::NoDescriptor);
        self.log(&"no file descriptor is left");
        self.connections.make_room(RETRY_AFTER).await;
    }

    async fn wait_out(&self, error: &io::Error) {
        let is_exhaustion = exhaustion::is_exhaustion(error);
        self.count(if is_exhaustion { Refusal::NoDescriptor } else { Refusal::AcceptError });
        self.log(error);
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = WaitingGuard(&self.waiting);
        if is_exhaustion {
            self.connections.make_room(RETRY_AFTER).await;
        } else {
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    fn log(&self, error: &dyn std::fmt::Display) {
        if let Some(count) = self.throttle.check() {
            log_failure(error, Some(self.connections.len()), count);
        }
    }
}

/// `connections`: those that are open, if the listener is served by this crate.
fn log_failure(error: &dyn std::fmt::Display, connections: Option<usize>, count: u64) {
    tracing::error!(%error, connections, count, "no connection can be accepted; retrying");
}

/// Logs an error of accept, and waits before the next attempt.
pub(super) async fn wait_out(error: &io::Error) {
    match CURRENT.try_with(Arc::clone) {
        Ok(log) => log.wait_out(error).await,
        // The listener is not served by this crate.
        Err(_) => {
            log_failure(error, None, 1);
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }
}

/// Counts a connection that a listener does not accept, for the `serve` that this task runs.
pub(crate) fn count_refused(refusal: Refusal) {
    // Fails if the listener is not served by this crate.
    let _ = CURRENT.try_with(|log| log.count(refusal));
}

struct WaitingGuard<'a>(&'a AtomicUsize);

impl Drop for WaitingGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
