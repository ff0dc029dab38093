//! The state of a pool's application, as its connections report it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::multiplexing::Multiplexing;
use crate::client::dispatch::Observer;
use crate::client::probe::ProbeOutcome;

/// The application of a pool: receives the notifications of all its connections.
pub(super) struct Application {
    /// Wakes the first request of the queue.
    room: Arc<Notify>,
    multiplexing: Mutex<Multiplexing>,
    /// The requests that wait for a worker.
    starved: AtomicUsize,
}

/// A request that waits for a worker, until this is dropped.
pub(super) struct Starved<'a>(&'a AtomicUsize);

impl Drop for Starved<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Application {
    /// An application that was not probed. `room` is notified when a connection may have become free.
    pub(super) const fn new(room: Arc<Notify>) -> Self {
        Self { room, multiplexing: Mutex::new(Multiplexing::Unknown), starved: AtomicUsize::new(0) }
    }

    /// Records that a request waits for a worker: no connection is kept meanwhile.
    pub(super) fn starve(&self) -> Starved<'_> {
        self.starved.fetch_add(1, Ordering::Relaxed);
        Starved(&self.starved)
    }

    /// Whether the caller has to probe the application now.
    pub(super) fn begin_probe(&self) -> bool {
        let mut multiplexing = self.multiplexing();
        // Skip reading the clock in the usual case.
        !multiplexing.is_several() && multiplexing.begin_probe(Instant::now())
    }

    /// Whether the application has replied that it multiplexes, so that each connection can be probed.
    pub(super) fn multiplexes(&self) -> bool {
        self.multiplexing().is_several()
    }

    fn multiplexing(&self) -> MutexGuard<'_, Multiplexing> {
        // Nothing panics while it holds the lock.
        self.multiplexing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Application {
    fn on_capacity(&self) {
        self.room.notify_one();
    }

    fn on_probe(&self, outcome: ProbeOutcome) {
        self.multiplexing().end_probe(outcome, Instant::now());
    }

    fn is_starved(&self) -> bool {
        self.starved.load(Ordering::Relaxed) > 0
    }
}
