//! One open connection and its requests, for the list of them. The connection writes, anyone reads.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use http::{Method, Uri};

use super::clock::Clock;
use super::counts::add;
use super::listing::{ConnectionInfo, ConnectionState, RequestInfo, RequestState};
use super::request_text::{OtherMethod, RequestText};

/// One open connection.
///
/// All fields have one writer, the task of the connection, and are atomic only for the readers. They cost the writer a plain
/// store each.
#[derive(Debug)]
pub(super) struct ConnectionEntry {
    pub(super) id: u64,
    /// When it was made, by the clock of the numbers, as all times here.
    opened: u64,
    pub(super) peer: OnceLock<Box<str>>,
    state: AtomicU8,
    /// When its last request ended.
    pub(super) idle_since: AtomicU64,
    /// Its requests that reached the service.
    requests: AtomicU64,
    /// Requests that are in no counter of a [`Shard`](super::shard::Shard) at their end: completed in one step, in a time that is
    /// in the first bucket of `time_to_head` and of `total_time`.
    quick: AtomicU64,
    /// The sum of their times, in ticks of the clock.
    quick_ticks: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) buffered: AtomicU64,
    /// The request that runs alone, as most do: no allocation, and the memory is warm.
    pub(super) first: RequestEntry,
    others: Mutex<Vec<Arc<RequestEntry>>>,
}

/// What connections count themselves, since that takes fewer instructions than the counters of a thread.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) requests: u64,
    pub(super) quick: u64,
    pub(super) quick_ticks: u64,
    pub(super) received: u64,
    pub(super) sent: u64,
}

/// A place for a request in flight.
#[derive(Debug)]
pub(super) struct RequestEntry {
    /// When the request began; [`NONE`] if there is none.
    began: AtomicU64,
    state: AtomicU8,
    pub(super) received: AtomicU64,
    pub(super) sent: AtomicU64,
    text: RequestText,
}

const NONE: u64 = u64::MAX;

impl RequestEntry {
    pub(super) const fn new() -> Self {
        Self {
            began: AtomicU64::new(NONE),
            state: AtomicU8::new(RequestState::Handler as u8),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            text: RequestText::new(),
        }
    }

    #[inline(always)]
    pub(super) fn begin(&self, now: u64, method: &Method, uri: &Uri) {
        // A sequence lock: a reader that sees any of the following also sees that the request before has ended.
        fence(Ordering::Release);
        self.text.set(method, uri);
        self.publish(now);
    }

    /// As [`begin`](Self::begin), if the method is a frequent one.
    #[inline(always)]
    pub(super) fn begin_frequent(&self, now: u64, method: &Method, uri: &Uri) -> Result<(), OtherMethod> {
        fence(Ordering::Release);
        self.text.set_frequent(method, uri)?;
        self.publish(now);
        Ok(())
    }

    #[inline(always)]
    fn publish(&self, now: u64) {
        self.received.store(0, Ordering::Relaxed);
        self.began.store(now, Ordering::Release);
    }

    /// When the request in flight began.
    #[inline]
    pub(super) fn began(&self) -> u64 {
        self.began.load(Ordering::Relaxed)
    }

    #[inline]
    pub(super) fn set_state(&self, state: RequestState) {
        self.state.store(state as u8, Ordering::Relaxed);
    }

    /// Ends a request for which neither [`set_state`](Self::set_state) nor `sent` was called.
    #[inline]
    pub(super) fn end_untold(&self) {
        self.began.store(NONE, Ordering::Relaxed);
    }

    /// Ends a request.
    pub(super) fn end(&self) {
        self.end_untold();
        // For the next request, which begins faster without this. As in `begin`, for the readers of this one.
        fence(Ordering::Release);
        self.sent.store(0, Ordering::Relaxed);
        self.set_state(RequestState::Handler);
    }

    fn info(&self, clock: &Clock) -> Option<(u64, RequestInfo)> {
        loop {
            let began = self.began.load(Ordering::Acquire);
            if began == NONE {
                return None;
            }
            let info = self.info_since(began, clock);
            fence(Ordering::Acquire);
            // Otherwise it has ended meanwhile, and this may be a mixture of two requests.
            if self.began.load(Ordering::Relaxed) == began {
                return Some((began, info));
            }
        }
    }

    fn info_since(&self, began: u64, clock: &Clock) -> RequestInfo {
        RequestInfo {
            method: self.text.method(),
            target: self.text.target(),
            state: request_state(self.state.load(Ordering::Relaxed)),
            age: clock.between(began, clock.now()),
            received: self.received.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
        }
    }
}

impl ConnectionEntry {
    pub(super) const fn new(id: u64, now: u64) -> Self {
        Self {
            id,
            opened: now,
            peer: OnceLock::new(),
            state: AtomicU8::new(ConnectionState::New as u8),
            idle_since: AtomicU64::new(now),
            requests: AtomicU64::new(0),
            quick: AtomicU64::new(0),
            quick_ticks: AtomicU64::new(0),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            buffered: AtomicU64::new(0),
            first: RequestEntry::new(),
            others: Mutex::new(Vec::new()),
        }
    }

    #[inline]
    pub(super) fn set_state(&self, state: ConnectionState) {
        self.state.store(state as u8, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(super) fn count_request(&self) {
        add(&self.requests, 1);
    }

    /// Counts a request that has ended within [`Shared::most_quick_ticks`](super::handle::Shared::most_quick_ticks).
    #[inline(always)]
    pub(super) fn count_quick(&self, ticks: u64) {
        add(&self.quick_ticks, ticks);
        // A reader that sees this also sees the request in `requests`.
        self.quick.store(self.quick.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
    }

    /// What it has counted.
    pub(super) fn totals(&self) -> Totals {
        let quick = self.quick.load(Ordering::Acquire);
        Totals {
            requests: self.requests.load(Ordering::Relaxed),
            quick,
            quick_ticks: self.quick_ticks.load(Ordering::Relaxed),
            received: self.received.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
        }
    }

    /// A place for one more request beside the first one.
    pub(super) fn add_request(&self) -> Arc<RequestEntry> {
        let entry = Arc::new(RequestEntry::new());
        lock(&self.others).push(Arc::clone(&entry));
        entry
    }

    pub(super) fn remove_request(&self, entry: &Arc<RequestEntry>) {
        lock(&self.others).retain(|other| !Arc::ptr_eq(other, entry));
    }

    pub(super) fn info(&self, clock: &Clock) -> ConnectionInfo {
        let now = clock.now();
        let others = lock(&self.others).clone();
        let entries = [&self.first].into_iter().chain(others.iter().map(|entry| &**entry));
        let mut in_flight: Vec<_> = entries.filter_map(|entry| entry.info(clock)).collect();
        in_flight.sort_by_key(|(began, _)| *began);
        let idle_since = self.idle_since.load(Ordering::Relaxed);
        let state = match self.state.load(Ordering::Relaxed) {
            _ if !in_flight.is_empty() => ConnectionState::Active,
            1 => ConnectionState::Active,
            2 => ConnectionState::Idle,
            3 => ConnectionState::Closing,
            _ => ConnectionState::New,
        };
        let idle = (state == ConnectionState::Idle).then(|| clock.between(idle_since, now));
        ConnectionInfo {
            id: self.id,
            peer: self.peer.get().map(|peer| peer.to_string()),
            state,
            age: clock.between(self.opened, now),
            idle,
            requests: self.requests.load(Ordering::Relaxed),
            received: self.received.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
            buffered: self.buffered.load(Ordering::Relaxed),
            in_flight: in_flight.into_iter().map(|(_, info)| info).collect(),
        }
    }
}

impl Totals {
    pub(super) const fn add(&mut self, other: &Self) {
        let Self { requests, quick, quick_ticks, received, sent } = other;
        self.requests = self.requests.wrapping_add(*requests);
        self.quick = self.quick.wrapping_add(*quick);
        self.quick_ticks = self.quick_ticks.wrapping_add(*quick_ticks);
        self.received = self.received.wrapping_add(*received);
        self.sent = self.sent.wrapping_add(*sent);
    }
}

const fn request_state(state: u8) -> RequestState {
    match state {
        0 => RequestState::Waiting,
        2 => RequestState::Response,
        3 => RequestState::Upgraded,
        _ => RequestState::Handler,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A poisoned value is consistent: no code panics while a lock is held.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_listed_request_is_never_a_mixture_of_two() {
        let clock = Clock::new();
        let requests = [(Method::GET, "/a".repeat(90)), (Method::POST, "/b".repeat(90))];
        let uris = requests.clone().map(|(_, target)| target.parse::<Uri>().unwrap());
        let entry = RequestEntry::new();
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for number in 0..20_000 {
                    let index = number % 2;
                    entry.begin(number as u64, &requests[index].0, &uris[index]);
                    entry.end();
                }
            });
            while !writer.is_finished() {
                if let Some((began, info)) = entry.info(&clock) {
                    let (method, target) = &requests[began as usize % 2];
                    assert_eq!((info.method.as_str(), &info.target), (method.as_str(), target));
                }
            }
        });
        assert!(entry.info(&clock).is_none());
    }

    #[test]
    fn a_request_inherits_nothing_from_the_one_before() {
        let clock = Clock::new();
        let entry = RequestEntry::new();
        let uri = Uri::from_static("/");
        entry.begin(1, &Method::GET, &uri);
        entry.set_state(RequestState::Response);
        entry.sent.store(9, Ordering::Relaxed);
        entry.received.store(9, Ordering::Relaxed);
        entry.end();
        entry.begin_frequent(2, &Method::POST, &uri).unwrap();
        let (_, info) = entry.info(&clock).unwrap();
        assert_eq!((info.method.as_str(), info.state), ("POST", RequestState::Handler));
        assert_eq!((info.sent, info.received), (0, 0));
    }
}
