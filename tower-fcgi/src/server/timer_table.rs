//! The timers of a connection.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use fcgi_core::RequestKey;
use smallvec::SmallVec;
use tokio::time::{Instant, Sleep, sleep_until};

/// A timer of the connection itself: what it waits for. Only one of them runs at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The rest of the record that begins a request; on a new connection, the first byte.
    RecordStart,
    /// The first request of a new connection that is shutting down.
    FirstRequest,
    /// The web server to read some of the output.
    Write,
    /// A handler to read its body, so that the paused input resumes.
    BodyStall,
    /// Bytes in either direction of an upgraded connection.
    UpgradeIdle,
    /// The next request of a kept connection.
    KeepAlive,
    /// The web server's end of stream, after an early response.
    Linger,
    /// As `Linger`, during a graceful shutdown.
    ShutdownGrace,
}

/// A timer of a request: the phase that it limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RequestTimer {
    /// PARAMS are received.
    Params,
    /// The body is received.
    BodyRead,
    /// The whole request, from the end of PARAMS.
    Total,
    /// As `Total`, until the request is logged as slow.
    Slow,
}

/// An expired timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expired {
    Connection(Timer),
    Request(RequestKey, RequestTimer),
}

/// One timer for the connection, and up to four for each request, on one [`Sleep`].
///
/// A poll examines only the request timer with the first deadline, and those started since the last poll.
#[derive(Debug, Default)]
pub(crate) struct TimerTable {
    /// The connection's timer and its deadline; `None` for a deadline beyond the range of the clock.
    connection: Option<(Timer, Option<Instant>)>,
    /// Allocated with the first request timer.
    requests: Option<Box<RequestTimers>>,
    /// Reused for each next deadline.
    sleep: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug)]
struct RequestTimers {
    /// Timers started since the last poll. Most have stopped before the next one.
    started: SmallVec<[(RequestKey, RequestTimer); 2]>,
    /// Running timers by deadline. At the deadline, a timer that was stopped is dropped, and one that was restarted is
    /// inserted again.
    deadlines: BTreeSet<(Instant, RequestKey, RequestTimer)>,
    /// When bytes of a body were last received.
    restarted: BTreeMap<RequestKey, Instant>,
    input: InputFlow,
}

/// Whether input is read. While it is paused, a body that receives nothing is not the web server's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InputFlow {
    /// Input is read: since this time, if it was paused before.
    Flowing(Option<Instant>),
    Paused,
}

/// Stopped timers are removed above this number of deadlines: the first figure per active request (which has at most three),
/// plus the second.
const MAX_DEADLINES: (usize, usize) = (4, 32);

impl TimerTable {
    /// Whether no timer runs.
    pub(crate) const fn is_empty(&self) -> bool {
        self.connection.is_none() && self.requests.is_none()
    }

    /// Starts the connection's timer, to expire after `limit`, unless the same one already runs. Replaces any other one.
    pub(crate) fn set(&mut self, timer: Timer, limit: Duration) {
        if !matches!(self.connection, Some((running, _)) if running == timer) {
            self.connection = Some((timer, Instant::now().checked_add(limit)));
        }
    }

    /// Stops the connection's timer if it is this one: what it waits for has made progress.
    pub(crate) fn stop(&mut self, timer: Timer) {
        if matches!(self.connection, Some((running, _)) if running == timer) {
            self.connection = None;
        }
    }

    /// Stops the connection's timer, whichever it is.
    pub(crate) const fn stop_connection(&mut self) {
        self.connection = None;
    }

    /// Starts a timer of a request.
    pub(crate) fn start_request(&mut self, key: RequestKey, timer: RequestTimer) {
        self.requests.get_or_insert_default().started.push((key, timer));
    }

    /// Restarts a request's [`RequestTimer::BodyRead`]: some of the body was received.
    pub(crate) fn restart_body(&mut self, key: RequestKey) {
        // A timer that was just started gets its full time from the next poll anyway.
        if let Some(requests) = self.requests.as_mut().filter(|requests| !requests.deadlines.is_empty()) {
            requests.restarted.insert(key, Instant::now());
        }
    }

    /// Ready when a timer has expired.
    ///
    /// `limit` returns the timeout of a request's timer, or `None` once it has stopped. `active`: the number of requests in
    /// flight; `reads`: whether input is read.
    pub(crate) fn poll(
        &mut self,
        limit: impl Fn(RequestKey, RequestTimer) -> Option<Duration>,
        active: usize,
        reads: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Expired> {
        if active == 0 {
            self.requests = None;
        }
        if let Some(requests) = &mut self.requests {
            requests.update(&limit, active, reads);
        }
        while let Some(next) = self.next() {
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(next)));
            if sleep.deadline() != next {
                sleep.as_mut().reset(next);
            }
            ready!(sleep.as_mut().poll(cx));
            if self.next_request() == Some(next) {
                if let Some((key, timer)) = self.requests.as_mut().and_then(|it| it.pop_expired(&limit)) {
                    return Poll::Ready(Expired::Request(key, timer));
                }
            } else if let Some((timer, _)) = self.connection.take() {
                return Poll::Ready(Expired::Connection(timer));
            }
        }
        Poll::Pending
    }

    /// The next deadline.
    fn next(&self) -> Option<Instant> {
        let connection = self.connection.and_then(|(_, deadline)| deadline);
        connection.into_iter().chain(self.next_request()).min()
    }

    /// The next deadline of a request.
    fn next_request(&self) -> Option<Instant> {
        Some(self.requests.as_ref()?.deadlines.first()?.0)
    }

    /// Frees the memory of a connection that waits without limit.
    pub(crate) fn shrink(&mut self) {
        *self = Self::default();
    }
}

impl Default for RequestTimers {
    fn default() -> Self {
        Self {
            started: SmallVec::new(),
            deadlines: BTreeSet::new(),
            restarted: BTreeMap::new(),
            input: InputFlow::Flowing(None),
        }
    }
}

impl RequestTimers {
    /// Sets the deadlines of new timers, and removes stopped ones if there are many.
    fn update(
        &mut self,
        limit: &impl Fn(RequestKey, RequestTimer) -> Option<Duration>,
        active: usize,
        reads: bool,
    ) {
        self.input = match self.input {
            _ if !reads => InputFlow::Paused,
            InputFlow::Paused => InputFlow::Flowing(Some(Instant::now())),
            flowing @ InputFlow::Flowing(_) => flowing,
        };
        for (key, timer) in std::mem::take(&mut self.started) {
            if let Some(limit) = limit(key, timer) {
                let deadline = Instant::now().checked_add(limit);
                self.deadlines.extend(deadline.map(|deadline| (deadline, key, timer)));
            }
        }
        let (each, beyond) = MAX_DEADLINES;
        if self.deadlines.len() > active.saturating_mul(each).saturating_add(beyond) {
            self.deadlines.retain(|(_, key, timer)| limit(*key, *timer).is_some());
            self.restarted.retain(|key, _| limit(*key, RequestTimer::BodyRead).is_some());
        }
    }

    /// Removes the first deadline, and returns its timer unless that has stopped or was restarted.
    fn pop_expired(
        &mut self,
        limit: &impl Fn(RequestKey, RequestTimer) -> Option<Duration>,
    ) -> Option<(RequestKey, RequestTimer)> {
        let (deadline, key, timer) = self.deadlines.pop_first()?;
        let Some(limit) = limit(key, timer) else {
            if timer == RequestTimer::BodyRead {
                self.restarted.remove(&key);
            }
            return None;
        };
        let since = match self.input {
            _ if timer != RequestTimer::BodyRead => None,
            InputFlow::Flowing(since) => self.restarted.get(&key).copied().max(since),
            InputFlow::Paused => Some(Instant::now()),
        };
        let later = since.and_then(|since| since.checked_add(limit)).filter(|later| *later > deadline);
        let Some(later) = later else { return Some((key, timer)) };
        self.deadlines.insert((later, key, timer));
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

    /// Polls. Returns what has expired, and the number of timers that the poll has examined.
    fn poll(
        timers: &mut TimerTable,
        active: usize,
        is_stopped: impl Fn(RequestKey) -> bool,
    ) -> (Option<Expired>, usize) {
        let looks = Cell::new(0);
        let limit = |key, _| {
            looks.set(looks.get() + 1);
            (!is_stopped(key)).then_some(LIMIT)
        };
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let polled = match timers.poll(limit, active, true, &mut cx) {
            Poll::Ready(expired) => Some(expired),
            Poll::Pending => None,
        };
        (polled, looks.get())
    }

    #[tokio::test(start_paused = true)]
    async fn a_poll_looks_at_no_running_timer() {
        let keys = keys(10_000);
        let mut timers = TimerTable::default();
        for key in &keys {
            timers.start_request(*key, RequestTimer::BodyRead);
        }
        let mut looks = 0;
        for _ in 0..10_000 {
            let (expired, looked) = poll(&mut timers, keys.len(), |_| false);
            assert_eq!(expired, None);
            looks += looked;
        }
        assert_eq!(looks, keys.len(), "each once, as it starts");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_receives_something_restarts() {
        let keys = keys(3);
        let mut timers = TimerTable::default();
        for key in &keys {
            timers.start_request(*key, RequestTimer::BodyRead);
        }
        let is_stopped = |key| key == keys[1];
        assert_eq!(poll(&mut timers, 3, is_stopped), (None, 3));
        advance(LIMIT / 2).await;
        timers.restart_body(keys[2]);
        advance(LIMIT / 2 - Duration::from_millis(1)).await;
        assert_eq!(poll(&mut timers, 3, is_stopped), (None, 0));
        advance(Duration::from_millis(2)).await;
        assert_eq!(
            poll(&mut timers, 3, is_stopped),
            (Some(Expired::Request(keys[0], RequestTimer::BodyRead)), 1)
        );
        assert_eq!(poll(&mut timers, 3, is_stopped).0, None);
        advance(LIMIT / 2).await;
        assert_eq!(
            poll(&mut timers, 3, is_stopped).0,
            Some(Expired::Request(keys[2], RequestTimer::BodyRead))
        );
        assert_eq!(poll(&mut timers, 3, is_stopped), (None, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn stopped_timers_are_not_kept() {
        let keys = keys(10_000);
        let (mut timers, mut looks) = (TimerTable::default(), 0);
        for key in &keys {
            timers.start_request(*key, RequestTimer::BodyRead);
            looks += poll(&mut timers, 1, |other| other != *key).1;
            timers.restart_body(*key);
            let requests = timers.requests.as_ref().unwrap();
            assert!(requests.deadlines.len() <= 37 && requests.restarted.len() <= 37, "{requests:?}");
        }
        assert!(looks <= 4 * keys.len(), "{looks}");
        poll(&mut timers, 0, |_| true);
        assert!(timers.requests.is_none());
    }
}
