//! The numbers at one moment, as plain values.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::counts::counts;
use super::gauge::Gauge;
use super::histogram::Histogram;

/// All numbers of a [`Stats`](super::Stats) at one moment.
///
/// Counters only grow, from the creation of the [`Stats`](super::Stats) on. They are read one after the other while connections
/// go on, so two of them may differ by the events of some microseconds.
///
/// ```
/// use tower_fcgi::stats::{Snapshot, Stats};
///
/// /// A line for the log.
/// fn line(snapshot: &Snapshot) -> String {
///     let Snapshot { connections, requests, bytes, .. } = snapshot;
///     format!(
///         "{} connections, {} responses in {:?} each, {} bytes",
///         connections.open.current,
///         requests.completed,
///         requests.total_time.mean().unwrap_or_default(),
///         bytes.sent,
///     )
/// }
/// assert_eq!(line(&Stats::new().snapshot()), "0 connections, 0 responses in 0ns each, 0 bytes");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct Snapshot {
    /// When the [`Stats`](super::Stats) was made. Serialized in seconds since 1970.
    #[cfg_attr(feature = "serde", serde(with = "super::seconds::unix"))]
    pub started_at: SystemTime,
    /// The time since then. Serialized in seconds.
    #[cfg_attr(feature = "serde", serde(with = "super::seconds"))]
    pub uptime: Duration,
    /// The connections from web servers.
    pub connections: Connections,
    /// The requests on them.
    pub requests: Requests,
    /// The bytes on them.
    pub bytes: Traffic,
    /// The lines of error text.
    pub stderr: StderrLines,
}

impl Default for Snapshot {
    fn default() -> Self {
        Self {
            started_at: SystemTime::UNIX_EPOCH,
            uptime: Duration::ZERO,
            connections: Connections::default(),
            requests: Requests::default(),
            bytes: Traffic::default(),
            stderr: StderrLines::default(),
        }
    }
}

/// The connections from web servers.
///
/// ```
/// use tower_fcgi::stats::{Connections, Stats};
///
/// fn busy(connections: &Connections) -> u64 {
///     connections.open.current.saturating_sub(connections.idle.current)
/// }
/// assert_eq!(busy(&Stats::new().snapshot().connections), 0);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct Connections {
    /// Connections that are open.
    pub open: Gauge,
    /// Those of them that are kept and have no request in flight. A connection before its first request is not idle.
    pub idle: Gauge,
    /// Connections that were accepted and served. The others are in [`refused`](Self::refused).
    pub accepted: u64,
    /// Connections that were not served, and attempts to accept one that failed.
    pub refused: Refused,
    /// Connections that were closed, by the reason.
    pub closed: Closed,
    /// How long an accepted connection waited at the limit on connections until it was served. Connections that did not have to
    /// wait are not in it. The time in the system's queue is unknown.
    pub accept_wait: Histogram,
}

counts! {
    /// Connections that were not served, by the reason, and errors of accept.
    Refused;
    /// Why a connection was not served: see [`Stats::on_refused`](super::Stats::on_refused).
    ///
    /// ```
    /// use tower_fcgi::stats::{Refusal, Stats};
    /// let stats = Stats::new();
    /// stats.on_refused(Refusal::AllowList);
    /// assert_eq!(stats.snapshot().connections.refused.allow_list, 1);
    /// ```
    pub Refusal {
        /// The peer is not in the allow-list.
        allow_list = AllowList,
        /// The service of the connection was not made before the shutdown.
        shutdown = Shutdown,
        /// The process or the system had no file descriptor left (EMFILE, ENFILE). The connection waits and may be accepted
        /// later.
        no_descriptor = NoDescriptor,
        /// Accept failed with another error of the system. The connection waits and may be accepted later.
        accept_error = AcceptError,
        /// The peer was gone before its connection was accepted (ECONNABORTED).
        gone = Gone,
    }
}

counts! {
    /// Connections that were closed, by who began the close, and why.
    Closed;
    /// Why a connection was closed.
    pub(crate) CloseReason {
        /// By the web server, between two requests or before the first one.
        web_server = WebServer,
        /// By the web server, while a request was in flight: nginx does so when its client goes away.
        web_server_in_request = WebServerInRequest,
        /// By the web server, inside a record or inside the PARAMS of a request.
        web_server_truncated = WebServerTruncated,
        /// After a request without KEEP_CONN (FastCGI §3.5).
        not_kept = NotKept,
        /// After [`Config::with_keep_alive_timeout`](crate::Config::with_keep_alive_timeout) without a request.
        keep_alive_timeout = KeepAliveTimeout,
        /// An idle connection, to make room for a new one.
        evicted = Evicted,
        /// By a graceful shutdown.
        shutdown = Shutdown,
        /// By [`ConnectionHandle::abort`](crate::ConnectionHandle::abort): at the end of the time for a shutdown.
        aborted = Aborted,
        /// Dropped with its runtime or by its owner.
        dropped = Dropped,
        /// After [`Config::with_header_read_timeout`](crate::Config::with_header_read_timeout), outside of a request.
        header_read_timeout = HeaderReadTimeout,
        /// After [`Config::with_write_timeout`](crate::Config::with_write_timeout): the web server did not read a response.
        write_timeout = WriteTimeout,
        /// After [`Config::with_upgrade_idle_timeout`](crate::Config::with_upgrade_idle_timeout).
        upgrade_idle_timeout = UpgradeIdleTimeout,
        /// Too much, or for too long, was sent for requests that were already answered
        /// ([`Config::with_linger_bytes`](crate::Config::with_linger_bytes) and its timeout).
        discard_limit = DiscardLimit,
        /// The web server broke the protocol.
        protocol_error = ProtocolError,
        /// The transport failed.
        io_error = IoError,
        /// A response could not be completed.
        incomplete_response = IncompleteResponse,
        /// A connection over HTTP, for upgrades: for any reason.
        http = Http,
    }
}

/// The requests on connections from web servers.
///
/// Each request that has begun is in flight, or in exactly one of [`completed`](Self::completed), [`rejected`](Self::rejected),
/// [`rejected_by_protocol`](Self::rejected_by_protocol), [`cut_off`](Self::cut_off) and [`aborted`](Self::aborted).
/// [`failures`](Self::failures) and [`timed_out`](Self::timed_out) say why some of them were rejected or cut off.
///
/// ```
/// use tower_fcgi::stats::{Requests, Stats};
///
/// /// Requests without the response of a handler, or with only a part of it.
/// fn failed(requests: &Requests) -> u64 {
///     requests.rejected.values().sum::<u64>() + requests.rejected_by_protocol.total() + requests.cut_off
/// }
/// assert_eq!(failed(&Stats::new().snapshot().requests), 0);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct Requests {
    /// Requests that are in flight: given to the service, and not answered completely.
    pub in_flight: Gauge,
    /// Those of them that were upgraded, for example to WebSockets.
    pub upgraded: Gauge,
    /// Requests that have begun: their PARAMS were received completely, or they were rejected before.
    pub begun: u64,
    /// Requests whose response was sent completely, whatever its status. The connection may fail later with some of it still
    /// in a buffer.
    pub completed: u64,
    /// Requests that ended because the web server or the connection was gone.
    pub aborted: Aborted,
    /// Requests with an error response of this crate instead of one of the service, by its status.
    pub rejected: BTreeMap<u16, u64>,
    /// Requests that were rejected with a status of FastCGI (§5.5), before they reached HTTP. They are not in
    /// [`rejected`](Self::rejected).
    pub rejected_by_protocol: RejectedByProtocol,
    /// Requests that failed after their head was written: the response is incomplete, and its connection was closed.
    pub cut_off: u64,
    /// What failed, apart from timeouts.
    pub failures: Failures,
    /// Which timeout ended a request.
    pub timed_out: TimedOut,
    /// How long a request took from the end of its PARAMS until the head of its response was ready to be written. Error
    /// responses of this crate are not in it.
    pub time_to_head: Histogram,
    /// How long a request took from the end of its PARAMS until its last byte was ready to be written, or until it failed. Only
    /// requests that reached the service, without upgraded ones.
    pub total_time: Histogram,
    /// How long a request waited until the service was ready. Requests that did not have to wait are not in it.
    pub readiness_wait: Histogram,
}

counts! {
    /// Requests that ended because the web server or the connection was gone.
    Aborted;
    /// Why a request was aborted.
    pub(crate) AbortReason {
        /// By ABORT_REQUEST (FastCGI §5.4).
        web_server = WebServer,
        /// With its connection, which the web server closed, or which failed.
        connection_lost = ConnectionLost,
        /// With its connection, which this side closed at once: at the end of the time for a shutdown.
        connection_aborted = ConnectionAborted,
        /// With its connection, which was dropped with its runtime or by its owner.
        dropped = Dropped,
    }
}

counts! {
    /// Requests that were rejected with a status of FastCGI (§5.5).
    RejectedByProtocol;
    /// Why the protocol has rejected a request.
    pub(crate) ProtocolRejection {
        /// UNKNOWN_ROLE: the service does not support the role.
        unknown_role = UnknownRole,
        /// OVERLOADED, or what [`Config::with_overload_response`](crate::Config::with_overload_response) sets: over
        /// [`Limits::max_concurrent_requests`](crate::Limits::max_concurrent_requests), or on a connection that closes. With the
        /// default response, a 503, it is in [`Requests::rejected`] instead.
        overloaded = Overloaded,
    }
}

counts! {
    /// What failed in requests, apart from timeouts. A request may have several failures.
    Failures;
    /// What failed in a request.
    pub(crate) FailureCause {
        /// The handler, its response body, or the drop of either panicked.
        panicked = Panicked,
        /// The service returned an error.
        service_error = ServiceError,
        /// The service's `poll_ready` returned an error.
        not_ready = NotReady,
        /// The response body returned an error, or its length was not the declared one.
        body_error = BodyError,
        /// CGI cannot carry the head of the response.
        invalid_head = InvalidHead,
        /// The web server does not carry the upgrade.
        upgrade_refused = UpgradeRefused,
        /// The body of the request was larger than [`Config::with_max_body_bytes`](crate::Config::with_max_body_bytes).
        body_too_large = BodyTooLarge,
        /// The request was invalid, or exceeded a limit of its head.
        invalid_request = InvalidRequest,
        /// More requests than [`Limits::max_concurrent_requests`](crate::Limits::max_concurrent_requests) at once on a
        /// connection, or a request on one that closes.
        overloaded = Overloaded,
    }
}

counts! {
    /// Requests that a timeout has ended, by the timeout.
    TimedOut;
    /// Which timeout has ended a request.
    pub(crate) TimeoutCause {
        /// [`Config::with_header_read_timeout`](crate::Config::with_header_read_timeout): its PARAMS did not arrive.
        head = Head,
        /// [`Config::with_body_read_timeout`](crate::Config::with_body_read_timeout): its body did not arrive, and the handler
        /// waited for it.
        body = Body,
        /// [`Config::with_body_stall_timeout`](crate::Config::with_body_stall_timeout): its handler did not read the body, which
        /// blocked other requests of the connection.
        body_stall = BodyStall,
        /// [`Config::with_request_timeout`](crate::Config::with_request_timeout).
        request = Request,
    }
}

/// The bytes on all connections.
///
/// ```
/// use tower_fcgi::stats::{Stats, Traffic};
/// let Traffic { received, sent, buffered, .. } = Stats::new().snapshot().bytes;
/// assert_eq!((received, sent, buffered.current), (0, 0, 0));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct Traffic {
    /// Bytes that were read from transports.
    pub received: u64,
    /// Bytes that were written to transports.
    pub sent: u64,
    /// Bytes in the buffers of connections: of request bodies that no handler has read, and of responses that the transport has
    /// not taken. As of the last time when each connection had something to do. Bytes in the buffers of handlers, of the
    /// system, and PARAMS are not in it.
    pub buffered: Gauge,
}

/// The lines of error text for the web servers' error logs (STDERR, FastCGI §5.3).
///
/// ```
/// use tower_fcgi::stats::{Stats, StderrLines};
/// let StderrLines { lines, dropped, .. } = Stats::new().snapshot().stderr;
/// assert_eq!((lines, dropped), (0, 0));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct StderrLines {
    /// Lines that were sent, with those about failures of requests.
    pub lines: u64,
    /// Lines that were dropped: their request had ended, or too many waited.
    pub dropped: u64,
}
