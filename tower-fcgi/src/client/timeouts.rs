//! What a connection waits for with a limit, on one timer.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// When each wait ends; those that are `None` are not waited for.
#[derive(Default)]
pub(super) struct Timers {
    pub(super) idle: Option<Instant>,
    pub(super) answer: Option<Instant>,
    pub(super) stall: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

/// What has not come in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expired {
    /// A request, on a connection that has none.
    Idle,
    /// The application's answer to how many requests it takes.
    Answer,
    /// The end of a request that was given up.
    Abort,
    /// Somebody who reads an answer that holds up the others.
    Stall,
}

impl Timers {
    /// Nothing is waited for.
    pub(super) fn clear(&mut self) {
        if self.timer.is_some() {
            *self = Self::default();
        }
    }

    /// Ready when one of them has ended. `abort` is one of them as well.
    pub(super) fn poll(&mut self, abort: Option<Instant>, cx: &mut Context<'_>) -> Poll<Expired> {
        let all = [
            (Expired::Idle, self.idle),
            (Expired::Answer, self.answer),
            (Expired::Abort, abort),
            (Expired::Stall, self.stall),
        ];
        let first = all.into_iter().filter_map(|(due, at)| Some((due, at?))).min_by_key(|(_, at)| *at);
        let Some((due, at)) = first else {
            self.timer = None;
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if timer.deadline() != at {
            timer.as_mut().reset(at);
        }
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(due)
    }
}

/// The instant that is `limit` from now.
pub(super) fn deadline_after(limit: Duration) -> Instant {
    Instant::now().checked_add(limit).unwrap_or_else(never)
}

/// Thirty years from now: clocks need not count further.
pub(super) fn never() -> Instant {
    Instant::now() + Duration::from_secs(30 * 365 * 24 * 60 * 60)
}
