//! What the connections of a pool report to it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::multiplexing::Multiplexing;
use crate::client::dispatch::Observer;
use crate::client::probe::ProbeOutcome;

/// The application, as the connections of a pool have found it.
pub(super) struct Application {
    /// For the first request that waits.
    room: Arc<Notify>,
    multiplexing: Mutex<Multiplexing>,
}

impl Application {
    /// An unknown application. `room` is notified when a connection may have room that it did not have before.
    pub(super) const fn new(room: Arc<Notify>) -> Self {
        Self { room, multiplexing: Mutex::new(Multiplexing::Unknown) }
    }

    /// Whether to probe the application now, which is then the caller's task.
    pub(super) fn begin_probe(&self) -> bool {
        let mut multiplexing = self.multiplexing();
        // The clock is read only if it matters.
        !multiplexing.is_several() && multiplexing.begin_probe(Instant::now())
    }

    /// Whether the application is known to take several requests on a connection, so that each connection can be probed.
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
}
