//! What the connections of a pool tell it: that there is room, and what the application can do.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

/// How long an application that takes one request at a time on a connection is not asked again whether it takes more. It can
/// be another one by then, and one that never answers loses [a second](super::asking::ANSWER_TIMEOUT) of one process to it.
const ASK_AGAIN: Duration = Duration::from_secs(5 * 60);

/// Bounds the connections of a pool; wakes who waits for one.
pub(super) struct Room {
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
    /// It was asked, and has not said that it takes several requests on a connection. Not to be asked again before this.
    OneAtATime(Instant),
    /// It takes several requests on a connection.
    Several,
}

/// The right to one connection.
pub(super) struct Slot {
    room: Arc<Room>,
}

impl Room {
    pub(super) fn new(most: usize) -> Arc<Self> {
        let answer = Mutex::new(Answer::Unknown);
        Arc::new(Self { most: most.max(1), made: AtomicUsize::new(0), freed: Notify::new(), answer })
    }

    pub(super) fn slot(self: &Arc<Self>) -> Option<Slot> {
        let more = |made| (made < self.most).then_some(made + 1);
        let slot = || Slot { room: Arc::clone(self) };
        self.made.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok().map(|_| slot())
    }

    /// A connection can take another request, or one more can be made.
    pub(super) fn free(&self) {
        self.freed.notify_one();
    }

    /// Waits until there may be room that the last look did not see.
    pub(super) fn freed(&self) -> Notified<'_> {
        self.freed.notified()
    }

    /// Whether the application is to be asked now, which is then for the caller to do.
    pub(super) fn begin_to_ask(&self) -> bool {
        let mut answer = self.answer();
        let due = match *answer {
            Answer::Unknown => true,
            Answer::OneAtATime(until) => Instant::now() >= until,
            Answer::Several => false,
        };
        if due {
            *answer = one_at_a_time();
        }
        due
    }

    /// The question was not sent after all.
    pub(super) fn was_not_asked(&self) {
        let mut answer = self.answer();
        if matches!(*answer, Answer::OneAtATime(_)) {
            *answer = Answer::Unknown;
        }
    }

    /// The application has said whether it takes several requests on a connection.
    pub(super) fn learn(&self, several: bool) {
        *self.answer() = if several { Answer::Several } else { one_at_a_time() };
    }

    /// Whether the application takes several requests on a connection, so that each one can be asked how many.
    pub(super) fn is_multiplexed(&self) -> bool {
        matches!(*self.answer(), Answer::Several)
    }

    fn answer(&self) -> MutexGuard<'_, Answer> {
        // Each change is whole.
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn one_at_a_time() -> Answer {
    Answer::OneAtATime(Instant::now() + ASK_AGAIN)
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.room.made.fetch_sub(1, Ordering::AcqRel);
        self.room.free();
    }
}
