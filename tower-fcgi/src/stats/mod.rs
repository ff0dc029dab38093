//! The numbers that an operator needs: [`Stats`] counts what connections do, and
//! [`snapshot`](crate::Stats::snapshot) returns the numbers as plain values.

#[cfg(feature = "server")]
mod clock;
#[cfg(feature = "server")]
mod counts;
#[cfg(feature = "server")]
mod entry;
mod gauge;
#[cfg(feature = "server")]
mod handle;
mod histogram;
#[cfg(feature = "server")]
mod http_connection;
#[cfg(feature = "server")]
mod listing;
mod nanos;
#[cfg(feature = "client")]
mod pool;
#[cfg(feature = "server")]
mod recorder;
#[cfg(feature = "server")]
mod recording;
#[cfg(feature = "server")]
mod registry;
#[cfg(feature = "server")]
mod report;
#[cfg(feature = "server")]
mod request_text;
#[cfg(feature = "serde")]
mod seconds;
#[cfg(feature = "server")]
mod shard;
#[cfg(feature = "server")]
mod snapshot;
#[cfg(feature = "server")]
mod thread_slot;

pub use self::gauge::Gauge;
#[cfg(feature = "server")]
pub use self::handle::Stats;
pub use self::histogram::{Bucket, Histogram};
#[cfg(feature = "server")]
pub use self::http_connection::HttpConnection;
#[cfg(feature = "server")]
pub use self::listing::{ConnectionInfo, ConnectionState, RequestInfo, RequestState};
#[cfg(feature = "client")]
pub(crate) use self::pool::PoolRecorder;
#[cfg(feature = "client")]
pub use self::pool::PoolSnapshot;
#[cfg(feature = "server")]
pub(crate) use self::recorder::{PolledConnection, Recorder};
#[cfg(feature = "server")]
pub(crate) use self::report::{Cause, RecordedFailure, ResponseEnding, ResponseReport};
#[cfg(feature = "server")]
pub use self::snapshot::{
    Aborted, Closed, Connections, Failures, Refusal, Refused, RejectedByProtocol, Requests, Snapshot,
    StderrLines, TimedOut, Traffic,
};
#[cfg(feature = "server")]
pub(crate) use self::snapshot::{CloseReason, FailureCause, TimeoutCause};
