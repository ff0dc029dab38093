//! The settings of connections.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fcgi_core::Limits;
use fcgi_core::server::{OverloadResponse, ParamsBuffer};
use http::Extensions;

use super::log_throttles::LogThrottles;
use super::params_pool;
use super::stderr_queue;
use super::upgrade;
use crate::cgi::{RequestTarget, TargetSettings};

/// The settings of [`Connection`](crate::Connection)s. Clones are cheap and share the settings.
///
/// Every quantity that the web server controls has a limit in bytes, number or time, with a reasoned default: what it sends
/// ([`limits`](Self::limits), [`max_body_bytes`](Self::with_max_body_bytes)), what it does not read
/// ([`max_write_buffer`](Self::with_max_write_buffer)), and how long it takes (the timeouts).
/// [`max_memory`](Self::max_memory) returns the total. What the web server sends about its client is trusted: see
/// [`Params`](crate::Params).
///
/// ```
/// use std::time::Duration;
/// use tower_fcgi::Config;
/// let config = Config::default().with_keep_alive_timeout(Duration::from_secs(75)).with_half_close(true);
/// ```
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) protocol: Arc<fcgi_core::server::Config>,
    pub(crate) driver: Arc<DriverConfig>,
}

/// The settings of the driver.
#[derive(Debug, Clone)]
pub(crate) struct DriverConfig {
    pub(crate) header_read_timeout: Option<Duration>,
    pub(crate) write_timeout: Option<Duration>,
    pub(crate) keep_alive_timeout: Option<Duration>,
    pub(crate) body_stall_timeout: Option<Duration>,
    pub(crate) body_read_timeout: Option<Duration>,
    pub(crate) request_timeout: Option<Duration>,
    pub(crate) upgrade_idle_timeout: Option<Duration>,
    pub(crate) slow_request_log: Option<Duration>,
    pub(crate) max_body_bytes: u64,
    pub(crate) max_write_buffer: usize,
    pub(crate) linger_timeout: Option<Duration>,
    pub(crate) linger_bytes: u64,
    pub(crate) half_close: bool,
    pub(crate) empty_without_content_length: bool,
    pub(crate) target: TargetSettings,
    /// The initial extensions of each request: empty, with capacity.
    pub(crate) extensions: Extensions,
    /// Shared by the clones of a configuration, and so by its connections.
    pub(crate) throttles: Arc<LogThrottles>,
}

/// The default response to a request over a limit. After the protocol's own OVERLOADED and CANT_MPX_CONN, HAProxy lets its
/// client wait forever.
const UNAVAILABLE: Bytes =
    Bytes::from_static(b"Status: 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");

impl Default for Config {
    fn default() -> Self {
        let mut protocol = fcgi_core::server::Config::default();
        protocol.overload_response = OverloadResponse::Stdout(UNAVAILABLE);
        protocol.params_buffer = ParamsBuffer::new(params_pool::take_params, params_pool::share_params);
        Self {
            protocol: Arc::new(protocol),
            driver: Arc::new(DriverConfig {
                header_read_timeout: Some(Duration::from_secs(60)),
                write_timeout: Some(Duration::from_secs(60)),
                keep_alive_timeout: None,
                body_stall_timeout: Some(Duration::from_secs(10)),
                body_read_timeout: Some(Duration::from_secs(120)),
                request_timeout: None,
                upgrade_idle_timeout: None,
                slow_request_log: None,
                max_body_bytes: u64::MAX,
                max_write_buffer: 256 * 1024,
                linger_timeout: Some(Duration::from_secs(30)),
                linger_bytes: 64 << 20,
                half_close: false,
                empty_without_content_length: false,
                target: TargetSettings::default(),
                extensions: grown_extensions(),
                throttles: Arc::default(),
            }),
        }
    }
}

impl Config {
    /// Sets the limits on what the web server may send. [`Limits`] documents the defaults and their reasons.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        Arc::make_mut(&mut self.protocol).limits = limits;
        self
    }

    /// The limits that [`with_limits`](Self::with_limits) sets.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.protocol.limits
    }

    /// Sets which target a request gets. Default: [`RequestTarget::Decided`], the one that the web server decided on.
    #[must_use]
    pub fn with_request_target(mut self, target: RequestTarget) -> Self {
        self.driver().target.target = target;
        self
    }

    /// The setting that [`with_request_target`](Self::with_request_target) sets.
    #[must_use]
    pub fn request_target(&self) -> &RequestTarget {
        &self.driver.target.target
    }

    /// Sets the application's front controllers: paths to which the web server rewrites requests. Default: none.
    ///
    /// The paths are decoded. A request that the web server rewrote to such a SCRIPT_NAME, or to such a decided path, keeps
    /// the client's path and query. Otherwise, with [`RequestTarget::Decided`], its target is the front controller itself.
    ///
    /// This is needed for Apache's `SetHandler`, `FallbackResource`, `DirectoryIndex` and `MultiViews` in front of an
    /// application that listens on a socket, for lighttpd's `url.rewrite-if-not-file` and `server.error-handler-404`, for
    /// nginx's `try_files … /app.fcgi`, and for a SCRIPT_NAME that the web server's configuration sets by hand without
    /// DOCUMENT_URI. A program that the web server starts itself as its SCRIPT_FILENAME (mod_fcgid, CGI) is recognised without
    /// this.
    ///
    /// The web server's rules for a path end where it rewrites that path. Name a front controller only if all requests
    /// that are rewritten to it may reach every route. An error document is not a front controller, unless its
    /// REDIRECT_STATUS is 404.
    ///
    /// ```
    /// use tower_fcgi::Config;
    /// let config = Config::default().with_front_controllers(["/app.fcgi"]);
    /// ```
    ///
    /// # Panics
    /// If a path does not begin with a slash.
    #[must_use]
    pub fn with_front_controllers(mut self, paths: impl IntoIterator<Item: Into<String>>) -> Self {
        let paths: Vec<String> = paths.into_iter().map(Into::into).collect();
        for path in &paths {
            assert!(path.starts_with('/'), "the front controller {path:?} must begin with a slash");
        }
        self.driver().target.front_controllers = paths;
        self
    }

    /// The paths that [`with_front_controllers`](Self::with_front_controllers) sets.
    #[must_use]
    pub fn front_controllers(&self) -> &[String] {
        &self.driver.target.front_controllers
    }

    /// Sets the response to a request over [`Limits::max_concurrent_requests`], or on a connection that is about to close.
    /// Default: a `503 Service Unavailable` on STDOUT, which every web server forwards.
    #[must_use]
    pub fn with_overload_response(mut self, response: OverloadResponse) -> Self {
        Arc::make_mut(&mut self.protocol).overload_response = response;
        self
    }

    /// The response that [`with_overload_response`](Self::with_overload_response) sets.
    #[must_use]
    pub fn overload_response(&self) -> &OverloadResponse {
        &self.protocol.overload_response
    }

    /// Sets the number of concurrent requests that is reported to web servers which query `FCGI_MAX_REQS` (FastCGI §4.1).
    /// HAProxy then sends at most this many on one connection. Never more than [`Limits::max_concurrent_requests`] is reported,
    /// which limits what is accepted. Default: 4, for the reason in [`fcgi_core::server::Config::max_reqs`]. Raise it for an
    /// HAProxy with a larger `tune.bufsize`: this number times the largest usual head must stay below that.
    #[must_use]
    pub fn with_advertised_max_requests(mut self, requests: u32) -> Self {
        Arc::make_mut(&mut self.protocol).max_reqs = requests;
        self
    }

    /// The number that [`with_advertised_max_requests`](Self::with_advertised_max_requests) sets.
    #[must_use]
    pub fn advertised_max_requests(&self) -> u32 {
        self.protocol.max_reqs
    }

    /// Limits the time for the head of a request, from its first byte to the end of PARAMS; on a new connection from the
    /// connection's begin. After that the response is `408 Request Timeout`, or the connection is closed if not even
    /// BEGIN_REQUEST was received. Default: 60 s. A web server sends a head at once, and connects when it has one.
    #[must_use]
    pub fn with_header_read_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.driver().header_read_timeout = limit.into();
        self
    }

    /// The timeout that [`with_header_read_timeout`](Self::with_header_read_timeout) sets.
    #[must_use]
    pub fn header_read_timeout(&self) -> Option<Duration> {
        self.driver.header_read_timeout
    }

    /// Limits the time in which the web server reads nothing of a waiting response. After that the connection is closed.
    /// Default: 60 s, as nginx's `send_timeout`.
    #[must_use]
    pub fn with_write_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.driver().write_timeout = limit.into();
        self
    }

    /// The timeout that [`with_write_timeout`](Self::with_write_timeout) sets.
    #[must_use]
    pub fn write_timeout(&self) -> Option<Duration> {
        self.driver.write_timeout
    }

    /// Limits the time for which a kept connection may be idle. Default: without limit, so that the web server decides. A
    /// close at the moment when the web server sends the next request costs that request (H2O answers 503, nginx 502 for a
    /// POST), so set more than the web server's own limit.
    #[must_use]
    pub fn with_keep_alive_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.driver().keep_alive_timeout = limit.into();
        self
    }

    /// The timeout that [`with_keep_alive_timeout`](Self::with_keep_alive_timeout) sets.
    #[must_use]
    pub fn keep_alive_timeout(&self) -> Option<Duration> {
        self.driver.keep_alive_timeout
    }

    /// Limits the time for which input is paused because several requests of a connection leave their bodies unread. After that
    /// the request with the most unread bytes fails: with a 503 if its response has not begun. Default: 10 s, which is long for
    /// a handler that intends to read, and short for the other requests, whose responses wait for it.
    #[must_use]
    pub fn with_body_stall_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.driver().body_stall_timeout = limit.into();
        self
    }

    /// The timeout that [`with_body_stall_timeout`](Self::with_body_stall_timeout) sets.
    #[must_use]
    pub fn body_stall_timeout(&self) -> Option<Duration> {
        self.driver.body_stall_timeout
    }

    /// Limits the time in which the web server sends nothing of an unfinished body, while input is read. After that a handler
    /// that waits for the body is dropped, with a `408 Request Timeout` if the response has not begun; else the body returns
    /// [an error](crate::BodyErrorKind::ReadTimeout), and the handler continues. `None`: without limit. Default: 120 s, twice
    /// nginx's `client_body_timeout`, so that the web server, which knows its client, is first.
    #[must_use]
    pub fn with_body_read_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.driver().body_read_timeout = limit.into();
        self
    }

    /// The timeout that [`with_body_read_timeout`](Self::with_body_read_timeout) sets.
    #[must_use]
    pub fn body_read_timeout(&self) -> Option<Duration> {
        self.driver.body_read_timeout
    }

    /// Limits the time for a request, from the end of its PARAMS to the end of its response. After that its handler is dropped:
    /// with a `503 Service Unavailable` if the response has not begun, else the connection is reset, so that the response does
    /// not look complete. Default: without limit, because a limit would end long downloads and Server-Sent Events.
    ///
    /// Most web servers do not report that a client has left until something is written to it. Nothing else ends a handler that
    /// never answers, or the wait for a service that never becomes [ready](crate::FcgiService#readiness).
    #[must_use]
    pub fn with_request_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.driver().request_timeout = limit.into();
        self
    }

    /// The timeout that [`with_request_timeout`](Self::with_request_timeout) sets.
    #[must_use]
    pub fn request_timeout(&self) -> Option<Duration> {
        self.driver.request_timeout
    }

    /// Limits the time without bytes in either direction of an [upgraded](crate::OnUpgrade) connection. After that it is
    /// closed. `None`: without limit, the default, as the usual protocols have pings of their own, and the web server a timeout.
    #[must_use]
    pub fn with_upgrade_idle_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.driver().upgrade_idle_timeout = limit.into();
        self
    }

    /// The timeout that [`with_upgrade_idle_timeout`](Self::with_upgrade_idle_timeout) sets.
    #[must_use]
    pub fn upgrade_idle_timeout(&self) -> Option<Duration> {
        self.driver.upgrade_idle_timeout
    }

    /// Logs requests that take longer than `after`, from the end of their PARAMS to the end of their response: a `warn` event
    /// while the request is slow, with what it waits for, and another one when it has ended. Default: none.
    ///
    /// `waits_for` is the service to be ready, the request's body, the handler, or the web server to read the response. A
    /// handler that blocks its thread is logged when it ends. Downloads and Server-Sent Events are requests as well; upgraded
    /// streams are not.
    #[must_use]
    pub fn with_slow_request_log(mut self, after: impl Into<Option<Duration>>) -> Self {
        self.driver().slow_request_log = after.into();
        self
    }

    /// The time that [`with_slow_request_log`](Self::with_slow_request_log) sets.
    #[must_use]
    pub fn slow_request_log(&self) -> Option<Duration> {
        self.driver.slow_request_log
    }

    /// Limits the bytes of a request's body. A larger CONTENT_LENGTH is answered with `413 Content Too Large` and does not reach
    /// the service. If a body exceeds the limit while it is received, its handler is dropped, with the same response if none has
    /// begun; else the body returns [an error](crate::BodyErrorKind::TooLarge). Default: without limit, since buffered bytes are
    /// limited anyway ([`Limits::request_window`]), and web servers have a limit of their own (nginx: 1 MiB).
    #[must_use]
    pub fn with_max_body_bytes(mut self, bytes: u64) -> Self {
        self.driver().max_body_bytes = bytes;
        self
    }

    /// The limit that [`with_max_body_bytes`](Self::with_max_body_bytes) sets.
    #[must_use]
    pub fn max_body_bytes(&self) -> u64 {
        self.driver.max_body_bytes
    }

    /// Limits the bytes of output that wait for a slow web server. At the limit, bodies of responses are not polled, and lines
    /// for STDERR wait. The output of one poll can exceed the limit. Default: 262 144, several of the 16 to 64 KiB that bodies
    /// usually yield, so that the next write is ready when the last is done. At least 1.
    #[must_use]
    pub fn with_max_write_buffer(mut self, bytes: usize) -> Self {
        self.driver().max_write_buffer = bytes.max(1);
        self
    }

    /// The limit that [`with_max_write_buffer`](Self::with_max_write_buffer) sets.
    #[must_use]
    pub fn max_write_buffer(&self) -> usize {
        self.driver.max_write_buffer
    }

    /// Limits the time for which the unread rest of an answered request is received and discarded: of a body after an early
    /// response, or of rejected PARAMS. After that the connection is closed, which may cost the response. `None`: without limit.
    /// Default: 30 s, as nginx's `lingering_time`.
    ///
    /// On a kept connection, the time begins with the first discarded byte, and anew with the next request; requests in flight
    /// are answered before the connection closes. During a [graceful
    /// shutdown](crate::ConnectionHandle::graceful_shutdown) it is at most a second.
    #[must_use]
    pub fn with_linger_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.driver().linger_timeout = limit.into();
        self
    }

    /// The timeout that [`with_linger_timeout`](Self::with_linger_timeout) sets.
    #[must_use]
    pub fn linger_timeout(&self) -> Option<Duration> {
        self.driver.linger_timeout
    }

    /// Limits the bytes of an answered request's rest that are received and discarded. After that the connection is closed, as
    /// after [`with_linger_timeout`](Self::with_linger_timeout). Default: 67 108 864; discarded bytes take no memory.
    #[must_use]
    pub fn with_linger_bytes(mut self, bytes: u64) -> Self {
        self.driver().linger_bytes = bytes;
        self
    }

    /// The limit that [`with_linger_bytes`](Self::with_linger_bytes) sets.
    #[must_use]
    pub fn linger_bytes(&self) -> u64 {
        self.driver.linger_bytes
    }

    /// Sets whether requests are still answered after the web server has shut down its write side. Default: no:
    /// the handler is dropped, because nginx shuts down its side when the client is gone.
    #[must_use]
    pub fn with_half_close(mut self, allow: bool) -> Self {
        self.driver().half_close = allow;
        self
    }

    /// The value that [`with_half_close`](Self::with_half_close) sets.
    #[must_use]
    pub fn half_close(&self) -> bool {
        self.driver.half_close
    }

    /// Sets whether a request without CONTENT_LENGTH has no body, for web servers that send no STDIN record then. Default: no.
    /// Its body then ends with the empty STDIN record like every body (FastCGI §5.3), which uploads of unknown length need.
    #[must_use]
    pub fn with_empty_without_content_length(mut self, empty: bool) -> Self {
        self.driver().empty_without_content_length = empty;
        self
    }

    /// The value that [`with_empty_without_content_length`](Self::with_empty_without_content_length) sets.
    #[must_use]
    pub fn empty_without_content_length(&self) -> bool {
        self.driver.empty_without_content_length
    }

    /// The most bytes of memory that a connection can take with these settings, whatever the web server sends.
    ///
    /// Use this upper bound, which a test verifies, to choose limits. It does not include what handlers and response bodies
    /// hold themselves. An ordinary connection takes about a thousandth of it.
    ///
    /// It is the sum of:
    ///
    /// - 24 bytes for each of [`Limits::max_total_params_bytes`]: PARAMS and the request's headers, of which the smallest has
    ///   nine bytes there;
    /// - 8 bytes for each of [`Limits::connection_window`], or [`request_window`](Limits::request_window) if that is more,
    ///   and for each of the 65 536 bytes of one read: a chunk of a body can keep that much of its read buffer alive;
    /// - twice 65 536 bytes that the application writes to an upgraded stream: their buffer grows by doubling;
    /// - [`max_write_buffer`](Self::with_max_write_buffer), and four times [`Limits::max_control_bytes`];
    /// - 4 096 bytes for each of [`Limits::max_concurrent_requests`], and 512 for each of [`Limits::max_half_closed_requests`];
    /// - [`Limits::max_management_bytes`], 65 536 bytes for lines that wait for STDERR, and 4 096 for the connection itself.
    #[must_use]
    pub fn max_memory(&self) -> usize {
        let limits = &self.protocol.limits;
        let bodies = limits.connection_window.max(limits.request_window).saturating_add(65_536);
        [
            limits.max_total_params_bytes.saturating_mul(24),
            bodies.saturating_mul(8),
            self.driver.max_write_buffer,
            limits.max_control_bytes.saturating_mul(4),
            limits.max_concurrent_requests.saturating_mul(4096),
            limits.max_half_closed_requests.saturating_mul(512),
            limits.max_management_bytes,
            stderr_queue::MAX_QUEUED as usize,
            2 * upgrade::MAX_BUFFERED,
            4096,
        ]
        .into_iter()
        .fold(0, usize::saturating_add)
    }

    fn driver(&mut self) -> &mut DriverConfig {
        Arc::make_mut(&mut self.driver)
    }
}

/// An empty map with capacity, which its clones have too. A request has five extensions under axum, and would grow its map
/// twice.
fn grown_extensions() -> Extensions {
    #[derive(Clone)]
    struct Entry<const N: usize>;

    let mut extensions = Extensions::new();
    extensions.insert(Entry::<0>);
    extensions.insert(Entry::<1>);
    extensions.insert(Entry::<2>);
    extensions.insert(Entry::<3>);
    extensions.clear();
    extensions
}
