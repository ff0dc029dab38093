//! The numbers that an operator needs: [`Stats`](crate::Stats) counts what connections do, and
//! [`snapshot`](crate::Stats::snapshot) returns the numbers as plain values.

mod counts;
mod entry;
mod gauge;
mod handle;
mod histogram;
mod listing;
mod pool;
mod recorder;
mod recording;
mod registry;
mod report;
#[cfg(feature = "serde")]
mod seconds;
mod shard;
mod snapshot;
mod thread_slot;

pub use self::handle::Stats;
pub use self::histogram::{Bucket, Histogram};
pub use self::listing::{ConnectionInfo, ConnectionState, RequestInfo, RequestState};
pub use self::pool::PoolSnapshot;
pub(crate) use self::recorder::{PolledConnection, Recorder};
pub(crate) use self::report::{Cause, RecordedFailure, ResponseEnding, ResponseReport};
pub use self::snapshot::{
    Aborted, Closed, Connections, Failures, Gauge, Refusal, Refused, RejectedByProtocol, Requests, Snapshot,
    StderrLines, TimedOut, Traffic,
};
pub(crate) use self::snapshot::{CloseReason, FailureCause, TimeoutCause};
