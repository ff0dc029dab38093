//! The one timer of a connection.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use fcgi_core::Key;
use tokio::time::{Instant, Sleep, sleep_until};

/// What a connection waits for, under a time-out. At most one at a time; the number tells one wait from the next of its
/// kind, so that progress begins a new time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// The head of a request: the rest of its PARAMS, or of the record that would begin it.
    Head(Option<Key>),
    /// The web server to read some of the output; the number of bytes it has read.
    Write(u64),
    /// Input, paused because of unread bodies, to flow again; the number of bytes that are unread.
    Paused(usize),
    /// The next request of a kept connection.
    Idle(u64),
    /// The web server's end of stream after an early answer.
    Drain,
}

/// A timer that is set by what is waited for.
#[derive(Debug, Default)]
pub(crate) struct Deadline {
    waiting: Option<Wait>,
    /// Kept from one wait to the next.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// Ready when `wait` has gone on for as long as it may. A wait that was not told of last time begins now; `None`
    /// waits for nothing.
    pub(crate) fn poll(&mut self, wait: Option<(Wait, Duration)>, cx: &mut Context<'_>) -> Poll<Wait> {
        let Some((wait, limit)) = wait else {
            self.waiting = None;
            return Poll::Pending;
        };
        if self.waiting != Some(wait) {
            self.waiting = Some(wait);
            // A limit beyond what the clock can count is none.
            let Some(end) = Instant::now().checked_add(limit) else { return Poll::Pending };
            match &mut self.timer {
                Some(timer) => timer.as_mut().reset(end),
                timer @ None => *timer = Some(Box::pin(sleep_until(end))),
            }
        }
        match &mut self.timer {
            Some(timer) => timer.as_mut().poll(cx).map(|()| {
                self.waiting = None;
                wait
            }),
            None => Poll::Pending,
        }
    }

    /// Frees the timer of a connection that waits for nothing.
    pub(crate) fn shrink(&mut self) {
        if self.waiting.is_none() {
            self.timer = None;
        }
    }
}
