//! What the connections of a pool tell it: that there is room, and what the application can do.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

/// How long an application that takes one request at a time on a connection is not asked again whether it takes more. It can
/// be another one by then. No question waits longer.
const ASK_AGAIN: Duration = Duration::from_secs(5 * 60);

/// Bounds the connections of a pool; wakes who waits for one.
pub(crate) struct Room {
    most: usize,
    /// Connections that there are, or that are being made; at most `most`.
    made: AtomicUsize,
    /// There may be room where there was none. One waits for it at a time.
    freed: Notify,
    answer: Mutex<Answer>,
}

/// What is known of an application.
#[derive(Debug, Clone, Copy)]
enum Answer {
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
pub(crate) enum Unheard {
    /// There was no connection, or it ended before the answer: mostly the application is being started anew.
    Unreachable,
    /// None has come in time: the application is busy, or never answers.
    Silent,
}

impl Unheard {
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
pub(crate) struct Slot {
    room: Arc<Room>,
}

impl Room {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        let answer = Mutex::new(Answer::Unknown);
        Arc::new(Self { most: most.max(1), made: AtomicUsize::new(0), freed: Notify::new(), answer })
    }

    pub(crate) fn slot(self: &Arc<Self>) -> Option<Slot> {
        let more = |made| (made < self.most).then_some(made + 1);
        let slot = || Slot { room: Arc::clone(self) };
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
            Answer::Unknown => 0,
            Answer::Unheard(times, until) if Instant::now() >= until => times,
            Answer::OneAtATime(until) if Instant::now() >= until => 0,
            Answer::Asked(_) | Answer::Unheard(..) | Answer::OneAtATime(_) | Answer::Several => return false,
        };
        *answer = Answer::Asked(unheard);
        true
    }

    /// The question was not sent after all.
    pub(crate) fn was_not_asked(&self) {
        let mut answer = self.answer();
        if let Answer::Asked(times) = *answer {
            *answer = if times == 0 { Answer::Unknown } else { Answer::Unheard(times, Instant::now()) };
        }
    }

    /// The question has no answer. One failure says little of the application, so that it is asked again soon.
    pub(crate) fn unheard(&self, why: Unheard) {
        let mut answer = self.answer();
        if let Answer::Asked(times) = *answer {
            let pause = why.pause().saturating_mul(1_u32.checked_shl(times).unwrap_or(u32::MAX));
            *answer = Answer::Unheard(times.saturating_add(1), Instant::now() + pause.min(ASK_AGAIN));
        }
    }

    /// The application has said whether it takes several requests on a connection.
    pub(crate) fn learn(&self, several: bool) {
        *self.answer() =
            if several { Answer::Several } else { Answer::OneAtATime(Instant::now() + ASK_AGAIN) };
    }

    /// Whether the application takes several requests on a connection, so that each one can be asked how many.
    pub(crate) fn is_multiplexed(&self) -> bool {
        matches!(*self.answer(), Answer::Several)
    }

    fn answer(&self) -> MutexGuard<'_, Answer> {
        // Each change is whole.
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.room.made.fetch_sub(1, Ordering::AcqRel);
        self.room.free();
    }
}
