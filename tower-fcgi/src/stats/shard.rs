//! The counters of one thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::counts::add;
use super::histogram::Recorded;
use super::snapshot::{AbortReason, CloseReason, FailureCause, ProtocolRejection, Refusal, TimeoutCause};

/// The counters of one thread: it alone writes them, so an addition needs no locked instruction. Snapshots add up the shards of
/// all threads. Aligned to two cache lines of 64 bytes, because processors fetch pairs of them.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Shard {
    /// Requests that did not reach the service. The others are counted by their connections, as the bytes are: see
    /// [`Totals`](super::entry::Totals).
    pub(super) unserved: AtomicU64,
    pub(super) completed: AtomicU64,
    pub(super) time_to_head: Recorded,
    pub(super) total_time: Recorded,
    pub(super) readiness_wait: Recorded,
    pub(super) accept_wait: Recorded,
    pub(super) accepted: AtomicU64,
    pub(super) cut_off: AtomicU64,
    pub(super) stderr_lines: AtomicU64,
    pub(super) stderr_dropped: AtomicU64,
    pub(super) refused: [AtomicU64; Refusal::COUNT],
    pub(super) closed: [AtomicU64; CloseReason::COUNT],
    pub(super) aborted: [AtomicU64; AbortReason::COUNT],
    pub(super) rejected_by_protocol: [AtomicU64; ProtocolRejection::COUNT],
    pub(super) failures: [AtomicU64; FailureCause::COUNT],
    pub(super) timed_out: [AtomicU64; TimeoutCause::COUNT],
    /// By the status, from 400 to 599.
    rejected: [AtomicU64; STATUSES],
}

/// The first status of [`Shard::rejected`].
const FIRST_STATUS: u16 = 400;
const STATUSES: usize = 200;

/// An event with a counter of its own in a shard.
pub(super) trait Counted: Copy {
    fn counter(self, shard: &Shard) -> Option<&AtomicU64>;
}

/// Connects the events of a group with their counters.
macro_rules! counted {
    ($($event:ident: $counters:ident),*) => {
        $(impl Counted for $event {
            fn counter(self, shard: &Shard) -> Option<&AtomicU64> {
                shard.$counters.get(self as usize)
            }
        })*
    };
}
counted!(
    Refusal: refused, CloseReason: closed, AbortReason: aborted, ProtocolRejection: rejected_by_protocol,
    FailureCause: failures, TimeoutCause: timed_out
);

impl Shard {
    pub(super) const fn new() -> Self {
        Self {
            unserved: AtomicU64::new(0),
            completed: AtomicU64::new(0),
            time_to_head: Recorded::new(),
            total_time: Recorded::new(),
            readiness_wait: Recorded::new(),
            accept_wait: Recorded::new(),
            accepted: AtomicU64::new(0),
            cut_off: AtomicU64::new(0),
            stderr_lines: AtomicU64::new(0),
            stderr_dropped: AtomicU64::new(0),
            refused: [const { AtomicU64::new(0) }; Refusal::COUNT],
            closed: [const { AtomicU64::new(0) }; CloseReason::COUNT],
            aborted: [const { AtomicU64::new(0) }; AbortReason::COUNT],
            rejected_by_protocol: [const { AtomicU64::new(0) }; ProtocolRejection::COUNT],
            failures: [const { AtomicU64::new(0) }; FailureCause::COUNT],
            timed_out: [const { AtomicU64::new(0) }; TimeoutCause::COUNT],
            rejected: [const { AtomicU64::new(0) }; STATUSES],
        }
    }

    /// Counts an event.
    pub(super) fn count(&self, event: impl Counted) {
        if let Some(counter) = event.counter(self) {
            add(counter, 1);
        }
    }

    /// Counts a request that was rejected with this status.
    pub(super) fn count_rejected(&self, status: u16) {
        let index = usize::from(status.saturating_sub(FIRST_STATUS)).min(STATUSES - 1);
        add(&self.rejected[index], 1);
    }

    /// The requests that have ended, for whatever reason, without the quick ones.
    pub(super) fn ended(&self) -> u64 {
        let counters = [&self.completed, &self.cut_off].into_iter();
        let groups = self.aborted.iter().chain(&self.rejected_by_protocol).chain(&self.rejected);
        counters.chain(groups).map(|counter| counter.load(Ordering::Relaxed)).fold(0, u64::wrapping_add)
    }

    /// The requests that were rejected, by status.
    pub(super) fn rejected(&self) -> impl Iterator<Item = (u16, u64)> {
        (FIRST_STATUS..).zip(&self.rejected).filter_map(|(status, counter)| {
            let count = counter.load(Ordering::Relaxed);
            (count > 0).then_some((status, count))
        })
    }
}

/// The sums of a group's counters over all shards.
pub(super) fn sums<const N: usize>(
    shards: &[Arc<Shard>],
    counters: impl Fn(&Shard) -> &[AtomicU64; N],
) -> [u64; N] {
    let mut sums = [0_u64; N];
    for shard in shards {
        for (sum, counter) in sums.iter_mut().zip(counters(shard)) {
            *sum += counter.load(Ordering::Relaxed);
        }
    }
    sums
}
