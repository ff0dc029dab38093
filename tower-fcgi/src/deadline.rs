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
    /// The first request of a connection that is to end.
    First,
    /// The web server to read some of the output; the number of bytes it has read.
    Write(u64),
    /// Input, paused because of unread bodies, to flow again; the number of bytes that are unread.
    Paused(usize),
    /// The next request of a kept connection.
    Idle(u32),
    /// The web server's end of stream after an early answer.
    Drain,
    /// The same, on a connection that was told to end.
    Linger,
}

/// What has taken too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Elapsed {
    Wait(Wait),
    /// A stage of this request.
    Request(Key, Stage),
}

/// What a request is in, under a time-out of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Its PARAMS come.
    Head,
    /// Its body comes; the number of bytes that have.
    Body(u64),
    /// All of it, from the end of PARAMS.
    Whole,
}

/// A timer that is set by what is waited for: the stages of each request, each from its own begin, and one
/// thing more.
#[derive(Debug, Default)]
pub(crate) struct Deadline {
    /// With its end. A limit beyond what the clock can count is no limit.
    waiting: Option<(Wait, Option<Instant>)>,
    stages: BTreeMap<(Key, Stage), Instant>,
    /// Kept from one wait to the next.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// Ready when one of these has gone on for as long as it may. What was not told of last time begins now.
    pub(crate) fn poll(
        &mut self,
        wait: Option<(Wait, Duration)>,
        stages: impl Iterator<Item = (Key, Stage, Duration)>,
        cx: &mut Context<'_>,
    ) -> Poll<Elapsed> {
        let same = |(wait, _): (Wait, Duration)| self.waiting.filter(|(waiting, _)| *waiting == wait);
        self.waiting =
            wait.map(|wait| same(wait).unwrap_or_else(|| (wait.0, Instant::now().checked_add(wait.1))));
        self.follow(stages);
        let end = self.waiting.and_then(|(_, end)| end);
        let Some(end) = end.into_iter().chain(self.stages.values().copied()).min() else {
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

    /// Knows the end of each stage that a request is in.
    fn follow(&mut self, stages: impl Iterator<Item = (Key, Stage, Duration)>) {
        let mut stages = stages.peekable();
        if stages.peek().is_none() && self.stages.is_empty() {
            return;
        }
        let now = Instant::now();
        let known = std::mem::take(&mut self.stages);
        let end = |stage, limit| known.get(&stage).copied().or_else(|| now.checked_add(limit));
        self.stages = stages
            .filter_map(|(key, stage, limit)| Some(((key, stage), end((key, stage), limit)?)))
            .collect();
    }

    fn elapsed(&mut self, end: Instant) -> Elapsed {
        let stage = self.stages.iter().find(|(_, at)| **at <= end).map(|(stage, _)| *stage);
        if let Some((key, stage)) = stage {
            self.stages.remove(&(key, stage));
            return Elapsed::Request(key, stage);
        }
        // Nothing else has an end.
        Elapsed::Wait(self.waiting.take().map_or(Wait::Begin, |(wait, _)| wait))
    }
}
