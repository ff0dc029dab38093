//! The one timer of a connection.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use fcgi_core::RequestKey;
use smallvec::SmallVec;
use tokio::time::{Instant, Sleep, sleep_until};

/// What a connection waits for, under a time-out, apart from the heads of its requests. At most one at a
/// time; the number tells one wait from the next of its kind, so that progress begins a new time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The rest of a record that begins a request, or on a new connection anything at all.
    RecordStart,
    /// The first request of a connection that is to end.
    FirstRequest,
    /// The web server to read some of the output; the number of bytes it has read.
    Write(u64),
    /// Input, paused because of unread bodies, to flow again; the number of bytes that are unread.
    BodyStall(usize),
    /// The next request of a kept connection.
    KeepAlive(u32),
    /// The web server's end of stream after an early response.
    Linger,
    /// The same, during a graceful shutdown.
    ShutdownGrace,
}

/// What has taken too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expired {
    Wait(Timer),
    /// A stage of this request.
    Request(RequestKey, RequestTimer),
}

/// What a request is in, under a time-out of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RequestTimer {
    /// Its PARAMS come.
    Params,
    /// Its body comes.
    BodyRead,
    /// All of it, from the end of PARAMS.
    Total,
}

/// A timer that is set by what is waited for: the stages of each request, each from its own begin, and one
/// thing more.
///
/// A poll looks at the stage that may end first, and at those that have begun since the last one; not at the others,
/// however many there are.
#[derive(Debug, Default)]
pub(crate) struct TimerTable {
    /// With its end. A limit beyond what the clock can count is no limit.
    waiting: Option<(Timer, Option<Instant>)>,
    /// Made with the first stage.
    stages: Option<Box<Stages>>,
    /// Kept from one wait to the next.
    timer: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug)]
struct Stages {
    /// Those that have begun since the last poll. Mostly they are over by then.
    begun: SmallVec<[(RequestKey, RequestTimer); 2]>,
    /// When each one may have gone on for too long, first first. One that is over by then is dropped then; a body that has got
    /// on since is put in anew.
    ends: BTreeSet<(Instant, RequestKey, RequestTimer)>,
    /// When something last came of a body.
    got_on: BTreeMap<RequestKey, Instant>,
    flow: Flow,
}

/// Whether input flows. While it does not, it is not the web server that keeps bodies waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// Since then, if it did not before.
    Flowing(Option<Instant>),
    Paused,
}

/// Stages in the list, for each request and beyond, from which on those that are over are looked for. A request has two.
const LOOK_FOR_OVER: (usize, usize) = (4, 32);

impl TimerTable {
    /// A stage of a request begins.
    pub(crate) fn begin(&mut self, key: RequestKey, stage: RequestTimer) {
        self.stages.get_or_insert_default().begun.push((key, stage));
    }

    /// Something has come of a request's body.
    pub(crate) fn got_on(&mut self, key: RequestKey) {
        // What has just begun has its time from the next poll anyway.
        if let Some(stages) = self.stages.as_mut().filter(|stages| !stages.ends.is_empty()) {
            stages.got_on.insert(key, Instant::now());
        }
    }

    /// Ready when one of these has gone on for as long as it may. A `wait` that was not told of last time begins now.
    ///
    /// `limit` says how long a stage that has begun may go on, unless it is over. `live`: how many requests there are;
    /// `flows`: whether input does.
    pub(crate) fn poll(
        &mut self,
        wait: Option<(Timer, Duration)>,
        limit: impl Fn(RequestKey, RequestTimer) -> Option<Duration>,
        live: usize,
        flows: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Expired> {
        let same = |(wait, _): (Timer, Duration)| self.waiting.filter(|(waiting, _)| *waiting == wait);
        self.waiting =
            wait.map(|wait| same(wait).unwrap_or_else(|| (wait.0, Instant::now().checked_add(wait.1))));
        if live == 0 {
            self.stages = None;
        }
        if let Some(stages) = &mut self.stages {
            stages.follow(&limit, live, flows);
        }
        loop {
            let waiting = self.waiting.and_then(|(_, end)| end);
            let stage = self.stages.as_ref().and_then(|stages| Some(stages.ends.first()?.0));
            let Some(end) = waiting.into_iter().chain(stage).min() else { return Poll::Pending };
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
            if timer.deadline() != end {
                timer.as_mut().reset(end);
            }
            ready!(timer.as_mut().poll(cx));
            match &mut self.stages {
                Some(stages) if stage == Some(end) => {
                    if let Some((key, stage)) = stages.elapsed(&limit) {
                        return Poll::Ready(Expired::Request(key, stage));
                    }
                }
                _ => {
                    let waiting = self.waiting.take().map_or(Timer::RecordStart, |(wait, _)| wait);
                    return Poll::Ready(Expired::Wait(waiting));
                }
            }
        }
    }

    /// Frees the timer of a connection that is about to wait for nothing.
    pub(crate) fn release(&mut self) {
        *self = Self::default();
    }
}

impl Default for Stages {
    fn default() -> Self {
        Self {
            begun: SmallVec::new(),
            ends: BTreeSet::new(),
            got_on: BTreeMap::new(),
            flow: Flow::Flowing(None),
        }
    }
}

impl Stages {
    /// Takes in those that have begun, and now and then lets those go that are over.
    fn follow(
        &mut self,
        limit: &impl Fn(RequestKey, RequestTimer) -> Option<Duration>,
        live: usize,
        flows: bool,
    ) {
        self.flow = match self.flow {
            _ if !flows => Flow::Paused,
            Flow::Paused => Flow::Flowing(Some(Instant::now())),
            flowing @ Flow::Flowing(_) => flowing,
        };
        for (key, stage) in std::mem::take(&mut self.begun) {
            if let Some(limit) = limit(key, stage) {
                let end = Instant::now().checked_add(limit);
                self.ends.extend(end.map(|end| (end, key, stage)));
            }
        }
        let (each, beyond) = LOOK_FOR_OVER;
        if self.ends.len() > live.saturating_mul(each).saturating_add(beyond) {
            self.ends.retain(|(_, key, stage)| limit(*key, *stage).is_some());
            self.got_on.retain(|key, _| limit(*key, RequestTimer::BodyRead).is_some());
        }
    }

    /// Takes the first one out; what it is, unless it is over, or has got on since it was put in.
    fn elapsed(
        &mut self,
        limit: &impl Fn(RequestKey, RequestTimer) -> Option<Duration>,
    ) -> Option<(RequestKey, RequestTimer)> {
        let (end, key, stage) = self.ends.pop_first()?;
        let Some(limit) = limit(key, stage) else {
            if stage == RequestTimer::BodyRead {
                self.got_on.remove(&key);
            }
            return None;
        };
        let since = match self.flow {
            _ if stage != RequestTimer::BodyRead => None,
            Flow::Flowing(since) => self.got_on.get(&key).copied().max(since),
            Flow::Paused => Some(Instant::now()),
        };
        let later = since.and_then(|since| since.checked_add(limit)).filter(|later| *later > end);
        let Some(later) = later else { return Some((key, stage)) };
        self.ends.insert((later, key, stage));
        None
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use fcgi_core::client::Connection;
    use fcgi_core::{Role, client};
    use tokio::time::advance;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    fn keys(requests: u16) -> Vec<RequestKey> {
        let mut config = client::Config::default();
        config.max_concurrent_requests = requests;
        let mut connection = Connection::new(config);
        (0..requests).map(|_| connection.begin(Role::RESPONDER, true).unwrap()).collect()
    }

    /// Polls; gives what has elapsed, and how many stages were looked at.
    fn poll(
        deadline: &mut TimerTable,
        live: usize,
        is_over: impl Fn(RequestKey) -> bool,
    ) -> (Option<Expired>, usize) {
        let looks = Cell::new(0);
        let limit = |key, _| {
            looks.set(looks.get() + 1);
            (!is_over(key)).then_some(LIMIT)
        };
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let polled = match deadline.poll(None, limit, live, true, &mut cx) {
            Poll::Ready(elapsed) => Some(elapsed),
            Poll::Pending => None,
        };
        (polled, looks.get())
    }

    #[tokio::test(start_paused = true)]
    async fn a_poll_looks_at_no_stage_that_goes_on() {
        let keys = keys(10_000);
        let mut deadline = TimerTable::default();
        for key in &keys {
            deadline.begin(*key, RequestTimer::BodyRead);
        }
        let mut looks = 0;
        for _ in 0..10_000 {
            let (elapsed, looked) = poll(&mut deadline, keys.len(), |_| false);
            assert_eq!(elapsed, None);
            looks += looked;
        }
        assert_eq!(looks, keys.len(), "each once, as it begins");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_gets_on_has_its_time_again() {
        let keys = keys(3);
        let mut deadline = TimerTable::default();
        for key in &keys {
            deadline.begin(*key, RequestTimer::BodyRead);
        }
        let is_over = |key| key == keys[1];
        assert_eq!(poll(&mut deadline, 3, is_over), (None, 3));
        advance(LIMIT / 2).await;
        deadline.got_on(keys[2]);
        advance(LIMIT / 2 - Duration::from_millis(1)).await;
        assert_eq!(poll(&mut deadline, 3, is_over), (None, 0));
        advance(Duration::from_millis(2)).await;
        assert_eq!(
            poll(&mut deadline, 3, is_over),
            (Some(Expired::Request(keys[0], RequestTimer::BodyRead)), 1)
        );
        assert_eq!(poll(&mut deadline, 3, is_over).0, None);
        advance(LIMIT / 2).await;
        assert_eq!(
            poll(&mut deadline, 3, is_over).0,
            Some(Expired::Request(keys[2], RequestTimer::BodyRead))
        );
        assert_eq!(poll(&mut deadline, 3, is_over), (None, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn stages_that_are_over_are_not_kept() {
        let keys = keys(10_000);
        let (mut deadline, mut looks) = (TimerTable::default(), 0);
        for key in &keys {
            deadline.begin(*key, RequestTimer::BodyRead);
            looks += poll(&mut deadline, 1, |other| other != *key).1;
            deadline.got_on(*key);
            let stages = deadline.stages.as_ref().unwrap();
            assert!(stages.ends.len() <= 37 && stages.got_on.len() <= 37, "{stages:?}");
        }
        assert!(looks <= 4 * keys.len(), "{looks}");
        poll(&mut deadline, 0, |_| true);
        assert!(deadline.stages.is_none());
    }
}
