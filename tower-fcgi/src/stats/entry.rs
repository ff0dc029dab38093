//! One open connection and its requests, for the list of them. The connection writes, anyone reads.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use http::{Method, Uri};

use super::clock::Clock;
use super::listing::{ConnectionInfo, ConnectionState, RequestInfo, RequestState};
use super::request_text::RequestText;

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
    pub(super) requests: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) buffered: AtomicU64,
    /// The request that runs alone, as most do: no allocation, and the memory is warm.
    pub(super) first: RequestEntry,
    others: Mutex<Vec<Arc<RequestEntry>>>,
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
        self.received.store(0, Ordering::Relaxed);
        self.sent.store(0, Ordering::Relaxed);
        self.set_state(RequestState::Handler);
        self.began.store(now, Ordering::Release);
    }

    #[inline]
    pub(super) fn set_state(&self, state: RequestState) {
        self.state.store(state as u8, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn end(&self) {
        self.began.store(NONE, Ordering::Relaxed);
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
}
