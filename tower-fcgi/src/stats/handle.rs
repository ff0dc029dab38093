//! The handle of the numbers.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::clock::Clock;
use super::entry::Totals;
use super::gauge::SharedGauge;
use super::histogram::{self, Measured, Recorded};
use super::http_connection::HttpConnection;
use super::listing::ConnectionInfo;
use super::nanos::nanos;
use super::registry::Registry;
use super::shard::{Shard, sums};
use super::snapshot::{
    Aborted, Closed, Connections, Failures, Refusal, Refused, RejectedByProtocol, Requests, Snapshot,
    StderrLines, TimedOut, Traffic,
};
use super::thread_slot;

/// Counts what connections do: how many are open, what becomes of their requests, how long that takes.
///
/// Clones count together. Give one to [`Builder::with_stats`](crate::Builder::with_stats), or to `serve` of axum-fcgi, and keep
/// another one to read.
///
/// # Cost
/// Without a `Stats`, a connection does next to nothing for it. With one, each connection and each thread writes counters of
/// its own, without locked instructions. What all threads share changes only when a connection opens or closes, and when a
/// request is not answered at once. The repository's ARCHITECTURE.md has a section on this. An open connection needs some 650
/// bytes more. Making the first `Stats` of a process can take up to 200 ms, to compare the processor's counter with the system's
/// clock.
///
/// # Examples
/// ```
/// use tower_fcgi::{Builder, Stats};
/// let stats = Stats::new();
/// let builder = Builder::new().with_stats(stats.clone());
/// assert_eq!(stats.snapshot().connections.open.current, 0);
/// ```
#[derive(Clone, Default)]
pub struct Stats {
    shared: Arc<Shared>,
}

/// What the clones share.
#[derive(Debug)]
pub(super) struct Shared {
    started_at: SystemTime,
    created: Instant,
    pub(super) clock: Clock,
    /// The most ticks of a request that [`Totals::quick`] counts.
    pub(super) most_quick_ticks: u64,
    /// By the number of their thread.
    shards: RwLock<Vec<Option<Arc<Shard>>>>,
    pub(super) open: SharedGauge,
    pub(super) idle: SharedGauge,
    /// What connections have published at the end of a poll. The current number is counted in the shards.
    pub(super) in_flight: SharedGauge,
    pub(super) upgraded: SharedGauge,
    pub(super) buffered: SharedGauge,
    pub(super) registry: Registry,
}

impl Default for Shared {
    fn default() -> Self {
        let clock = Clock::new();
        Self {
            started_at: SystemTime::now(),
            created: Instant::now(),
            most_quick_ticks: clock.ticks_within(histogram::FIRST),
            clock,
            shards: RwLock::default(),
            open: SharedGauge::default(),
            idle: SharedGauge::default(),
            in_flight: SharedGauge::default(),
            upgraded: SharedGauge::default(),
            buffered: SharedGauge::default(),
            registry: Registry::default(),
        }
    }
}

impl Stats {
    /// Numbers that are all zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The numbers now.
    ///
    /// Takes some microseconds for each thread that serves connections, and reads some numbers of each open connection. It
    /// delays no request; a connection that opens or closes meanwhile may wait until a sixteenth of the others are read.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let shared = &*self.shared;
        let shards = shared.all_shards();
        // In this order: a request that begins or ends meanwhile must not make their difference negative.
        let ended = ended_by_now(&shards);
        let totals = shared.registry.totals();
        Snapshot {
            started_at: shared.started_at,
            uptime: shared.created.elapsed(),
            connections: shared.connections(&shards),
            requests: shared.requests(&shards, ended, &totals),
            bytes: Traffic { received: totals.received, sent: totals.sent, buffered: shared.buffered.get() },
            stderr: StderrLines {
                lines: sum(&shards, |shard| &shard.stderr_lines),
                dropped: sum(&shards, |shard| &shard.stderr_dropped),
            },
        }
    }

    /// The open connections and their requests in flight, the oldest connection first.
    ///
    /// Allocates for each connection. The targets and addresses are those of strangers: do not show them to everyone.
    #[must_use]
    pub fn connections(&self) -> Vec<ConnectionInfo> {
        let clock = &self.shared.clock;
        self.shared.registry.entries().iter().map(|entry| entry.info(clock)).collect()
    }

    /// Counts a connection that was not served. For accept loops; `serve` of axum-fcgi does this itself.
    pub fn on_refused(&self, refusal: Refusal) {
        self.shared.shard().count(refusal);
    }

    /// Counts how long an accepted connection had to wait before it was served. For accept loops; `serve` of axum-fcgi does this
    /// itself.
    pub fn on_accept_wait(&self, waited: Duration) {
        self.shared.shard().accept_wait.record(Measured::new(nanos(waited)));
    }

    /// Counts a connection over HTTP, from now until the returned value is dropped. `serve` of axum-fcgi does this for its
    /// socket for upgrades. Its bytes and its request are not counted.
    #[must_use]
    pub fn open_http_connection(&self, peer: &dyn fmt::Debug) -> HttpConnection {
        HttpConnection::new(self, peer)
    }

    pub(super) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Shared {
    /// The shard of the current thread.
    pub(super) fn shard(&self) -> Arc<Shard> {
        let slot = thread_slot::current();
        let shards = self.shards.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(Some(shard)) = shards.get(slot) {
            return Arc::clone(shard);
        }
        drop(shards);
        let mut shards = self.shards.write().unwrap_or_else(PoisonError::into_inner);
        if shards.len() <= slot {
            shards.resize(slot + 1, None);
        }
        Arc::clone(shards[slot].get_or_insert_with(|| Arc::new(Shard::new())))
    }

    fn all_shards(&self) -> Vec<Arc<Shard>> {
        let shards = self.shards.read().unwrap_or_else(PoisonError::into_inner);
        shards.iter().flatten().cloned().collect()
    }

    fn connections(&self, shards: &[Arc<Shard>]) -> Connections {
        Connections {
            open: self.open.get(),
            idle: self.idle.get(),
            accepted: sum(shards, |shard| &shard.accepted),
            refused: Refused::from_counts(sums(shards, |shard| &shard.refused)),
            closed: Closed::from_counts(sums(shards, |shard| &shard.closed)),
            accept_wait: histogram(shards, |shard| &shard.accept_wait, NONE),
        }
    }

    /// `ended`: the requests in [`Shard::ended`].
    fn requests(&self, shards: &[Arc<Shard>], ended: u64, totals: &Totals) -> Requests {
        let begun = totals.requests.wrapping_add(sum(shards, |shard| &shard.unserved));
        let quick = totals.quick;
        // Requests also ended while the connections were counted: the number is between these two.
        let most = begun.saturating_sub(ended.wrapping_add(quick));
        let least = begun.saturating_sub(ended_by_now(shards).wrapping_add(quick)).min(most);
        let quick_time = self.clock.between(0, totals.quick_ticks);
        let mut requests = Requests {
            in_flight: self.in_flight.get_within(least..=most),
            upgraded: self.upgraded.get(),
            begun,
            completed: quick.wrapping_add(sum(shards, |shard| &shard.completed)),
            aborted: Aborted::from_counts(sums(shards, |shard| &shard.aborted)),
            rejected_by_protocol: RejectedByProtocol::from_counts(sums(shards, |shard| {
                &shard.rejected_by_protocol
            })),
            cut_off: sum(shards, |shard| &shard.cut_off),
            failures: Failures::from_counts(sums(shards, |shard| &shard.failures)),
            timed_out: TimedOut::from_counts(sums(shards, |shard| &shard.timed_out)),
            time_to_head: histogram(shards, |shard| &shard.time_to_head, (quick, quick_time)),
            total_time: histogram(shards, |shard| &shard.total_time, (quick, quick_time)),
            readiness_wait: histogram(shards, |shard| &shard.readiness_wait, NONE),
            ..Requests::default()
        };
        for (status, count) in shards.iter().flat_map(|shard| shard.rejected()) {
            *requests.rejected.entry(status).or_default() += count;
        }
        requests
    }
}

fn ended_by_now(shards: &[Arc<Shard>]) -> u64 {
    shards.iter().map(|shard| shard.ended()).fold(0, u64::wrapping_add)
}

/// The sum of a counter over all threads.
fn sum(shards: &[Arc<Shard>], counter: impl Fn(&Shard) -> &AtomicU64) -> u64 {
    shards.iter().map(|shard| counter(shard).load(Ordering::Relaxed)).fold(0, u64::wrapping_add)
}

/// No durations that are counted elsewhere.
const NONE: (u64, Duration) = (0, Duration::ZERO);

fn histogram(
    shards: &[Arc<Shard>],
    recorded: impl Fn(&Shard) -> &Recorded,
    shortest: (u64, Duration),
) -> histogram::Histogram {
    histogram::sum(shards.iter().map(|shard| recorded(shard)), shortest)
}

impl fmt::Debug for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.shared.open.get();
        f.debug_struct("Stats").field("open", &open).finish_non_exhaustive()
    }
}
