//! The numbers that an operator needs: [`Stats`](crate::Stats) counts what connections do, and
//! [`snapshot`](crate::Stats::snapshot) returns the numbers as plain values.

#![expect(dead_code, reason = "the driver counts in the next change")]

mod counts;
mod entry;
mod gauge;
mod handle;
mod histogram;
mod listing;
mod pool;
mod registry;
#[cfg(feature = "serde")]
mod seconds;
mod shard;
mod snapshot;
mod thread_slot;

pub use self::handle::Stats;
pub use self::histogram::{Bucket, Histogram};
pub use self::listing::{ConnectionInfo, ConnectionState, RequestInfo, RequestState};
pub use self::pool::PoolSnapshot;
pub use self::snapshot::{
    Aborted, Closed, Connections, Failures, Gauge, Refusal, Refused, RejectedByProtocol, Requests, Snapshot,
    StderrLines, TimedOut, Traffic,
};
