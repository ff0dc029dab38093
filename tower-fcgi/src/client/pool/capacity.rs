//! What the connections of a pool tell it: that there is room, and what the application can do.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

/// How long an application that takes one request at a time on a connection is not asked again whether it takes more. It can
/// be another one by then. No question waits longer.
const PROBE_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// Bounds the connections of a pool; wakes who waits for one.
pub(crate) struct PoolCapacity {
    most: usize,
    /// Connections that there are, or that are being made; at most `most`.
    made: AtomicUsize,
    /// There may be room where there was none. One waits for it at a time.
    freed: Notify,
    answer: Mutex<Multiplexing>,
}

/// What is known of an application.
#[derive(Debug, Clone, Copy)]
enum Multiplexing {
    /// It was not asked.
    Unknown,
    /// It is being asked, after it was so many times in a row without an answer.
    Asked(u32),
    /// It was asked so many times in a row without an answer. Not to be asked again before this.
    Unheard(u32, Instant),
    /// It takes one request at a time. Not to be asked again before this.
    OneAtATime(Instant),
    /// It takes several requests on a connection.
    Several,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProbeFailure {
    /// There was no connection, or it ended before the answer: mostly the application is being started anew.
    Unreachable,
    /// None has come in time: the application is busy, or never answers.
    Silent,
}

impl ProbeFailure {
    /// How long the application is not asked again after the first time; twice as long after each further one.
    const fn pause(self) -> Duration {
        match self {
            Self::Unreachable => Duration::from_secs(1),
            // A process that never answers loses a second to each question.
            Self::Silent => Duration::from_secs(10),
        }
    }
}

/// The right to one connection.
pub(crate) struct ConnectionPermit {
    room: Arc<PoolCapacity>,
}

impl PoolCapacity {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        let answer = Mutex::new(Multiplexing::Unknown);
        Arc::new(Self { most: most.max(1), made: AtomicUsize::new(0), freed: Notify::new(), answer })
    }

    pub(crate) fn slot(self: &Arc<Self>) -> Option<ConnectionPermit> {
        let more = |made| (made < self.most).then_some(made + 1);
        let slot = || ConnectionPermit { room: Arc::clone(self) };
        self.made.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok().map(|_| slot())
    }

    /// A connection can take another request, or one more can be made.
    pub(crate) fn free(&self) {
        self.freed.notify_one();
    }

    /// Waits until there may be room that the last look did not see.
    pub(crate) fn freed(&self) -> Notified<'_> {
        self.freed.notified()
    }

    /// Whether the application is to be asked now, which is then for the caller to do.
    pub(crate) fn begin_to_ask(&self) -> bool {
        let mut answer = self.answer();
        let unheard = match *answer {
            Multiplexing::Unknown => 0,
            Multiplexing::Unheard(times, until) if Instant::now() >= until => times,
            Multiplexing::OneAtATime(until) if Instant::now() >= until => 0,
            Multiplexing::Asked(_)
            | Multiplexing::Unheard(..)
            | Multiplexing::OneAtATime(_)
            | Multiplexing::Several => return false,
        };
        *answer = Multiplexing::Asked(unheard);
        true
    }

    /// The question was not sent after all.
    pub(crate) fn was_not_asked(&self) {
        let mut answer = self.answer();
        if let Multiplexing::Asked(times) = *answer {
            *answer =
                if times == 0 { Multiplexing::Unknown } else { Multiplexing::Unheard(times, Instant::now()) };
        }
    }

    /// The question has no answer. One failure says little of the application, so that it is asked again soon.
    pub(crate) fn unheard(&self, why: ProbeFailure) {
        let mut answer = self.answer();
        if let Multiplexing::Asked(times) = *answer {
            let pause = why.pause().saturating_mul(1_u32.checked_shl(times).unwrap_or(u32::MAX));
            *answer =
                Multiplexing::Unheard(times.saturating_add(1), Instant::now() + pause.min(PROBE_INTERVAL));
        }
    }

    /// The application has said whether it takes several requests on a connection.
    pub(crate) fn learn(&self, several: bool) {
        *self.answer() = if several {
            Multiplexing::Several
        } else {
            Multiplexing::OneAtATime(Instant::now() + PROBE_INTERVAL)
        };
    }

    /// Whether the application takes several requests on a connection, so that each one can be asked how many.
    pub(crate) fn is_multiplexed(&self) -> bool {
        matches!(*self.answer(), Multiplexing::Several)
    }

    fn answer(&self) -> MutexGuard<'_, Multiplexing> {
        // Each change is whole.
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.room.made.fetch_sub(1, Ordering::AcqRel);
        self.room.free();
    }
}
