//! The one timer of a connection.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use fcgi_core::Key;
use tokio::time::{Instant, Sleep, sleep_until};

/// What a connection waits for, under a time-out, apart from the heads of its requests. At most one at a
/// time; the number tells one wait from the next of its kind, so that progress begins a new time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// The rest of a record that begins a request, or on a new connection anything at all.
    Begin,
    /// The web server to read some of the output; the number of bytes it has read.
    Write(u64),
    /// Input, paused because of unread bodies, to flow again; the number of bytes that are unread.
    Paused(usize),
    /// The next request of a kept connection.
    Idle(u64),
    /// The web server's end of stream after an early answer.
    Drain,
}

/// What has taken too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Elapsed {
    Wait(Wait),
    /// The PARAMS of this request.
    Head(Key),
}

/// A timer that is set by what is waited for: the head of each request, from its own begin, and one thing
/// more.
#[derive(Debug, Default)]
pub(crate) struct Deadline {
    /// With its end. A limit beyond what the clock can count is no limit.
    waiting: Option<(Wait, Option<Instant>)>,
    heads: BTreeMap<Key, Instant>,
    /// Kept from one wait to the next.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// Ready when one of these has gone on for as long as it may. What was not told of last time begins now.
    pub(crate) fn poll(
        &mut self,
        wait: Option<(Wait, Duration)>,
        heads: (impl Iterator<Item = Key>, Duration),
        cx: &mut Context<'_>,
    ) -> Poll<Elapsed> {
        let same = |(wait, _): (Wait, Duration)| self.waiting.filter(|(waiting, _)| *waiting == wait);
        self.waiting =
            wait.map(|wait| same(wait).unwrap_or_else(|| (wait.0, Instant::now().checked_add(wait.1))));
        self.follow(heads);
        let end = self.waiting.and_then(|(_, end)| end);
        let Some(end) = end.into_iter().chain(self.heads.values().copied()).min() else {
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
        if timer.deadline() != end {
            timer.as_mut().reset(end);
        }
        timer.as_mut().poll(cx).map(|()| self.elapsed(end))
    }

    /// Frees the timer of a connection that is about to wait for nothing.
    pub(crate) fn release(&mut self) {
        *self = Self::default();
    }

    /// Knows the end of each head that is on its way.
    fn follow(&mut self, (keys, limit): (impl Iterator<Item = Key>, Duration)) {
        let mut keys = keys.peekable();
        if keys.peek().is_none() && self.heads.is_empty() {
            return;
        }
        let now = Instant::now();
        let known = std::mem::take(&mut self.heads);
        let end = |key: Key| known.get(&key).copied().or_else(|| now.checked_add(limit));
        self.heads = keys.filter_map(|key| Some((key, end(key)?))).collect();
    }

    fn elapsed(&mut self, end: Instant) -> Elapsed {
        let head = self.heads.iter().find(|(_, head)| **head <= end).map(|(key, _)| *key);
        if let Some(key) = head {
            self.heads.remove(&key);
            return Elapsed::Head(key);
        }
        // Nothing else has an end.
        Elapsed::Wait(self.waiting.take().map_or(Wait::Begin, |(wait, _)| wait))
    }
}
