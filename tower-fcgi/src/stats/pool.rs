//! The numbers of a pool of connections to an application.

use super::gauge::Gauge;
use super::histogram::Histogram;

/// The numbers of a [`Pool`](crate::client::Pool) at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct PoolSnapshot {
    /// Connections with requests in flight, and those that are being opened.
    pub in_use: Gauge,
    /// Open connections without a request.
    pub idle: Gauge,
    /// Requests that wait for a connection.
    pub waiting: Gauge,
    /// How long requests waited for a connection. Requests that did not have to wait are not in it.
    pub wait: Histogram,
    /// Requests that were given to the pool.
    pub requests: u64,
    /// Requests that were sent again, on another connection, because the application had closed the one before it has read
    /// anything.
    pub retries: u64,
    /// Connections that were opened.
    pub connected: u64,
    /// Attempts to connect that failed.
    pub connect_failures: u64,
    /// Requests that the application has refused with OVERLOADED or CANT_MPX_CONN (FastCGI §5.5).
    pub refused: u64,
}
