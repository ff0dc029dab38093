//! The open connections and the requests in flight, one by one.

use std::time::Duration;

/// One open connection: see [`Stats::connections`](super::Stats::connections).
///
/// ```
/// use tower_fcgi::stats::{ConnectionInfo, ConnectionState, RequestInfo, RequestState, Stats};
///
/// /// The handlers that have run for more than ten seconds.
/// fn slow(connections: &[ConnectionInfo]) -> impl Iterator<Item = &RequestInfo> {
///     connections
///         .iter()
///         .filter(|connection| connection.state == ConnectionState::Active)
///         .flat_map(|connection| &connection.in_flight)
///         .filter(|request| request.state == RequestState::Handler && request.age.as_secs() > 10)
/// }
/// for request in slow(&Stats::new().connections()) {
///     println!("{} {}: {:?}", request.method, request.target, request.age);
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// A number that no other connection of this [`Stats`](super::Stats) has, in the order in which they were accepted.
    pub id: u64,
    /// The address of the web server, as [`Connection::peer`](crate::Connection::peer) was given it. `None` if it was not.
    pub peer: Option<String>,
    /// What the connection does.
    pub state: ConnectionState,
    /// The time since the connection was made. Serialized in seconds.
    #[cfg_attr(feature = "serde", serde(with = "super::seconds"))]
    pub age: Duration,
    /// The time since its last request ended, if it is idle. Serialized in seconds.
    #[cfg_attr(feature = "serde", serde(with = "super::seconds::option"))]
    pub idle: Option<Duration>,
    /// The requests that have begun on it, and reached the service.
    pub requests: u64,
    /// Bytes that were read from it.
    pub received: u64,
    /// Bytes that were written to it.
    pub sent: u64,
    /// Bytes in its buffers, as in [`Traffic::buffered`](super::Traffic::buffered).
    pub buffered: u64,
    /// The requests that are in flight on it, the oldest first.
    pub in_flight: Vec<RequestInfo>,
}

/// The state of a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ConnectionState {
    /// It waits for its first request.
    #[default]
    New,
    /// A request is received, in flight, or its response is not written completely.
    Active,
    /// It is kept, and waits for the next request.
    Idle,
    /// It is closing: the rest of its output is written, and input is discarded.
    Closing,
}

/// One request in flight.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct RequestInfo {
    /// The method, at most 16 bytes of it.
    pub method: String,
    /// The target that the application got, at most 200 bytes of it.
    pub target: String,
    /// What the request does.
    pub state: RequestState,
    /// The time since the end of its PARAMS. Serialized in seconds.
    #[cfg_attr(feature = "serde", serde(with = "super::seconds"))]
    pub age: Duration,
    /// Bytes of its body that were received, beyond those that came with its PARAMS. As of the last time when its connection
    /// had something to do.
    pub received: u64,
    /// Bytes of its response so far, with its head, of those that were ready to be written.
    pub sent: u64,
}

/// The state of a request in flight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum RequestState {
    /// The service is not ready.
    Waiting,
    /// The handler runs, and has not responded.
    #[default]
    Handler,
    /// The head of its response was written, and the body follows.
    Response,
    /// It was upgraded, and bytes pass in both directions.
    Upgraded,
}
