//! How connections are served.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fcgi_core::Limits;
use fcgi_core::server::{OverloadResponse, ParamsBuffer};
use http::Extensions;

use super::request_target::{RequestTarget, TargetSettings};
use super::stderr_queue;
use crate::buffer_pool;

/// The settings of [`Connection`](crate::Connection)s. A clone is cheap, and all connections of a server
/// share one.
///
/// Whatever the web server decides the quantity of has a bound, in bytes, in number or in time, with a default that is
/// there for a reason: what it sends in [`limits`](Self::limits) and [`max_body_bytes`](Self::with_max_body_bytes), what it does not
/// read in [`max_write_buffer`](Self::with_max_write_buffer), and the time-outs. [`max_memory`](Self::max_memory) is what comes of
/// them together. Who it says that its client is, is believed: see [`Params`](crate::Params).
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

/// The settings that are the driver's own.
#[derive(Debug, Clone)]
pub(crate) struct DriverConfig {
    pub(crate) header_read_timeout: Option<Duration>,
    pub(crate) write_timeout: Option<Duration>,
    pub(crate) keep_alive_timeout: Option<Duration>,
    pub(crate) body_stall_timeout: Option<Duration>,
    pub(crate) body_read_timeout: Option<Duration>,
    pub(crate) request_timeout: Option<Duration>,
    pub(crate) max_body_bytes: u64,
    pub(crate) max_write_buffer: usize,
    pub(crate) linger_timeout: Option<Duration>,
    pub(crate) linger_bytes: u64,
    pub(crate) half_close: bool,
    pub(crate) empty_without_content_length: bool,
    pub(crate) target: TargetSettings,
    /// What each request's extensions begin as: nothing, with room.
    pub(crate) extensions: Extensions,
}

/// What a request over a limit is told by default. HAProxy leaves its client hanging on the protocol's own
/// OVERLOADED and CANT_MPX_CONN.
const UNAVAILABLE: Bytes =
    Bytes::from_static(b"Status: 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");

impl Default for Config {
    fn default() -> Self {
        let protocol = fcgi_core::server::Config {
            overload_response: OverloadResponse::Stdout(UNAVAILABLE),
            params_buffer: ParamsBuffer {
                allocate: buffer_pool::take_params,
                freeze: buffer_pool::share_params,
            },
            ..Default::default()
        };
        Self {
            protocol: Arc::new(protocol),
            driver: Arc::new(DriverConfig {
                header_read_timeout: Some(Duration::from_secs(60)),
                write_timeout: Some(Duration::from_secs(60)),
                keep_alive_timeout: None,
                body_stall_timeout: Some(Duration::from_secs(10)),
                body_read_timeout: Some(Duration::from_secs(120)),
                request_timeout: None,
                max_body_bytes: u64::MAX,
                max_write_buffer: 256 * 1024,
                linger_timeout: Some(Duration::from_secs(30)),
                linger_bytes: 64 << 20,
                half_close: false,
                empty_without_content_length: false,
                target: TargetSettings::default(),
                extensions: grown_extensions(),
            }),
        }
    }
}

impl Config {
    /// Bounds on what the web server may send; their defaults and reasons are those of [`Limits`].
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

    /// Which target a request gets. Default: [`RequestTarget::Decided`], the one that the web server decided on.
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

    /// The application's front controllers: paths of the web server, decoded, to which it rewrites requests that
    /// the application answers by the client's own path. With a name here, a request that the web server sent to
    /// that SCRIPT_NAME, or to that decided path, keeps the client's path and query; with
    /// [`RequestTarget::Decided`] it is a request to the front controller itself otherwise. Default: none.
    ///
    /// Needed for Apache's `SetHandler`, `FallbackResource`, `DirectoryIndex` and `MultiViews` in front of an
    /// application that listens at a socket, for lighttpd's `url.rewrite-if-not-file` and
    /// `server.error-handler-404`, for nginx's `try_files … /app.fcgi`, and for a SCRIPT_NAME that the web server's
    /// configuration sets by hand without DOCUMENT_URI. A program that the web server starts itself as its
    /// SCRIPT_FILENAME (mod_fcgid, CGI) is known without this.
    ///
    /// The web server's rules for a path hold only until it rewrites that path: name a front controller only where all
    /// requests that are rewritten to it may reach every route. An error document is not taken for one, unless its
    /// REDIRECT_STATUS is 404.
    ///
    /// ```
    /// use tower_fcgi::Config;
    /// let config = Config::default().front_controllers(["/app.fcgi"]);
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

    /// What a request is told that comes over [`Limits::max_concurrent_requests`], or on a connection that is about to end.
    /// Default: a `503 Service Unavailable` on STDOUT, which every web server passes on.
    #[must_use]
    pub fn with_overload_response(mut self, overload: OverloadResponse) -> Self {
        Arc::make_mut(&mut self.protocol).overload_response = overload;
        self
    }

    /// The response that [`with_overload_response`](Self::with_overload_response) sets.
    #[must_use]
    pub fn overload_response(&self) -> &OverloadResponse {
        &self.protocol.overload_response
    }

    /// The number of requests at once that is told to web servers which ask for `FCGI_MAX_REQS` (FastCGI §4.1), of
    /// which HAProxy then sends as many on one connection. What is told is never more than [`Limits::max_concurrent_requests`], which
    /// bounds what is taken. Default: 4, as [`fcgi_core::server::Config::max_reqs`] says why. A larger one is for an HAProxy
    /// with a larger `tune.bufsize`: this number times the largest usual head has to stay below it.
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

    /// How long the head of a request may take, from the first byte that is seen of it to the end of PARAMS;
    /// on a new connection from its beginning. After that the answer is `408 Request Timeout`, or the
    /// connection is closed if not even BEGIN_REQUEST is there. Default: 60 s; a web server sends a head in
    /// one go, and connects when it has one.
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

    /// How long the web server may read nothing of an answer that waits for it. After that the connection is
    /// closed. Default: 60 s, as nginx's `send_timeout`.
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

    /// How long a kept connection may be idle. Default: without limit, so that the web server decides: a
    /// connection that we close in the moment in which it sends the next request costs that request (H2O
    /// answers 503, nginx 502 for a POST). What is set here should be longer than the web server's own limit.
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

    /// How long input may be paused because several requests of a connection leave their bodies unread. After
    /// that the one with the most unread bytes is given up: a 503 if its answer has not begun. Default: 10 s, which
    /// is long for a handler that means to read, and short for the others, whose answers it holds up.
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

    /// How long the web server may send nothing of a body that has not ended, while input is wanted. After that
    /// a handler that waits for it is dropped and the answer is `408 Request Timeout` if it has not begun; else the
    /// body [breaks off](crate::BodyError::is_read_timeout), and the handler goes on. `None`: without limit. Default:
    /// 120 s, twice nginx's `client_body_timeout`, so that the web server, which knows its client, is first.
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

    /// How long a request may take from the end of its PARAMS to the end of its answer. After that its handler is
    /// dropped: a `503 Service Unavailable` if the answer has not begun, else the connection is cut off, so that
    /// the answer does not look whole. Default: without limit, since it would end long downloads and
    /// Server-Sent Events.
    ///
    /// Most web servers do not tell that a client has left before something is written to it: nothing else ends a handler
    /// that never answers, or the wait for a service that never becomes [ready](crate::FcgiService#readiness).
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

    /// Bytes that a request's body may have. One whose CONTENT_LENGTH is more is answered with `413 Content Too
    /// Large` and no service hears of it; one that turns out to be more while it comes has its handler dropped and
    /// the same answer if that has not begun, else its body [breaks off](crate::BodyError::is_too_large). Default:
    /// without limit, since what is held of a body is bounded all the same ([`Limits::request_window`]), and web
    /// servers have a limit of their own (nginx: 1 MiB).
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

    /// Bytes of output that wait for a web server which is slow to read, at which no more is produced: bodies of
    /// responses are not polled, and lines for STDERR wait. What is produced at a time comes on top. Default:
    /// 262 144, several of the 16 to 64 KiB that bodies give at a time, so that the next write is ready when the
    /// last is done. At least 1.
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

    /// How long the unread rest of an answered request is received and dropped: of a body after an early response, or of
    /// PARAMS that were rejected. After that the connection is closed, which may cost the response. `None`: without limit.
    /// Default: 30 s, as nginx's `lingering_time`.
    ///
    /// On a kept connection the time begins with the first byte that is dropped and begins anew with the next request, and
    /// the requests in flight are answered before the connection is closed. During a [graceful
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

    /// Bytes of an answered request's rest that are received and dropped, before the connection is closed as after
    /// [`with_linger_timeout`](Self::with_linger_timeout). Default: 67 108 864; dropped bytes take no memory.
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

    /// Whether a web server that shuts its side down after the request is still answered. Default: no. The
    /// end of the stream is then taken for what nginx means by it: the client is gone, and the handler is
    /// dropped.
    #[must_use]
    pub fn with_half_close(mut self, serve: bool) -> Self {
        self.driver().half_close = serve;
        self
    }

    /// The value that [`with_half_close`](Self::with_half_close) sets.
    #[must_use]
    pub fn half_close(&self) -> bool {
        self.driver.half_close
    }

    /// Whether a request without CONTENT_LENGTH has no body, for web servers that then send no STDIN record
    /// at all. Default: no, its body ends with the terminal STDIN record as every body does; uploads of
    /// unknown length need that.
    #[must_use]
    pub fn with_empty_without_content_length(mut self, so: bool) -> Self {
        self.driver().empty_without_content_length = so;
        self
    }

    /// The value that [`with_empty_without_content_length`](Self::with_empty_without_content_length) sets.
    #[must_use]
    pub fn empty_without_content_length(&self) -> bool {
        self.driver.empty_without_content_length
    }

    /// Bytes of memory that a connection can take with these settings, whatever the web server does on it, beside
    /// what handlers and the bodies of their responses hold of their own. An upper bound, for choosing limits; a
    /// test holds it. What an honest connection takes is some thousandth of it.
    ///
    /// It is the sum of:
    ///
    /// - 24 bytes for each of [`Limits::max_total_params_bytes`]: PARAMS, and the headers that a request is made of, of
    ///   which the smallest has nine bytes there;
    /// - 8 for each of [`Limits::connection_window`], or [`body_bytes`](Limits::request_window) if that is more, and of one
    ///   read of 65 536 bytes: a piece of a body can keep so much of what came with it;
    /// - [`max_write_buffer`](Self::with_max_write_buffer), and four times [`Limits::max_control_bytes`];
    /// - 4 096 for each of [`Limits::max_concurrent_requests`], and 512 for each of [`Limits::max_half_closed_requests`];
    /// - [`Limits::max_management_bytes`], 65 536 for lines that wait for STDERR, and 4 096 for the connection itself.
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
            4096,
        ]
        .into_iter()
        .fold(0, usize::saturating_add)
    }

    fn driver(&mut self) -> &mut DriverConfig {
        Arc::make_mut(&mut self.driver)
    }
}

/// An empty map that has grown, as its clones have: a request has five extensions under axum, and would grow
/// its map twice.
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
