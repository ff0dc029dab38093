//! The numbers of a pool of connections to an application.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::gauge::{Gauge, SharedGauge};
use super::histogram::{self, Histogram, Measured, Recorded};
use super::nanos::nanos;

/// The numbers of a [`Pool`](crate::client::Pool) at one moment: see [`Pool::stats`](crate::client::Pool::stats).
///
/// ```
/// use tokio::net::TcpStream;
/// use tower_fcgi::client::Pool;
/// use tower_fcgi::stats::PoolSnapshot;
/// # type Body = http_body_util::Empty<bytes::Bytes>;
/// let php: Pool<_, Body> = Pool::builder(|| TcpStream::connect("127.0.0.1:9000")).build();
/// let PoolSnapshot { in_use, waiting, .. } = php.stats();
/// assert_eq!((in_use.current, waiting.max), (0, 0));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct PoolSnapshot {
    /// Connections with requests in flight, and those that are being opened or probed.
    pub in_use: Gauge,
    /// Open connections without a request. The maximum is that when a request was given to the pool, or now.
    pub idle: Gauge,
    /// Requests that wait for a connection.
    pub waiting: Gauge,
    /// How long requests waited for a connection, with those that gave up. Requests that did not have to wait are not in it.
    pub wait: Histogram,
    /// Requests that were given to the pool.
    pub requests: u64,
    /// Requests that were sent again over another connection: see [Retries](crate::client::Pool#retries).
    pub retries: u64,
    /// Connections that were opened.
    pub connected: u64,
    /// Connections that could not be opened, also after the connect was repeated.
    pub connect_failures: u64,
    /// How often the application has refused a request with OVERLOADED or CANT_MPX_CONN (FastCGI §5.5). A php-fpm whose
    /// backlog is full refuses connections instead.
    pub refused: u64,
}

/// Counts for a pool. A request to an application takes long enough for locked additions.
#[derive(Debug)]
pub(crate) struct PoolRecorder {
    in_use_max: AtomicU64,
    idle_max: AtomicU64,
    waiting: SharedGauge,
    wait: Recorded,
    requests: AtomicU64,
    retries: AtomicU64,
    connected: AtomicU64,
    connect_failures: AtomicU64,
    refused: AtomicU64,
}

impl PoolRecorder {
    pub(crate) fn new() -> Self {
        Self {
            in_use_max: AtomicU64::new(0),
            idle_max: AtomicU64::new(0),
            waiting: SharedGauge::default(),
            wait: Recorded::new(),
            requests: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            connected: AtomicU64::new(0),
            connect_failures: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    pub(crate) fn on_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn on_retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn on_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn on_connect<T, E>(&self, connected: &Result<T, E>) {
        let counter = if connected.is_ok() { &self.connected } else { &self.connect_failures };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// A permit was taken: `in_use` are. No connection is idle then, so all of them have requests.
    pub(crate) fn on_permit(&self, in_use: usize) {
        self.in_use_max.fetch_max(in_use as u64, Ordering::Relaxed);
    }

    /// This number of connections are idle. It only falls when a request takes one, so that is when to look.
    pub(crate) fn on_idle(&self, idle: usize) {
        self.idle_max.fetch_max(idle as u64, Ordering::Relaxed);
    }

    /// A request waits, until the returned value is dropped.
    pub(crate) fn wait(&self) -> RecordedWait<'_> {
        self.waiting.change(0, 1);
        RecordedWait { recorder: self, since: Instant::now() }
    }

    /// `taken`: the permits for connections; `idle`: the connections without a request.
    pub(crate) fn snapshot(&self, taken: usize, idle: usize) -> PoolSnapshot {
        self.on_idle(idle);
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let current = taken.saturating_sub(idle) as u64;
        PoolSnapshot {
            in_use: Gauge { current, max: get(&self.in_use_max).max(current) },
            idle: Gauge { current: idle as u64, max: get(&self.idle_max) },
            waiting: self.waiting.get(),
            wait: histogram::sum([&self.wait].into_iter(), (0, Duration::ZERO)),
            requests: get(&self.requests),
            retries: get(&self.retries),
            connected: get(&self.connected),
            connect_failures: get(&self.connect_failures),
            refused: get(&self.refused),
        }
    }
}

/// A request that waits for a connection.
#[derive(Debug)]
pub(crate) struct RecordedWait<'a> {
    recorder: &'a PoolRecorder,
    since: Instant,
}

impl Drop for RecordedWait<'_> {
    fn drop(&mut self) {
        self.recorder.waiting.change(1, 0);
        self.recorder.wait.record_shared(Measured::new(nanos(self.since.elapsed())));
    }
}
