//! Settings of connections to an application.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use fcgi_core::{Params, Role, client};
use http::request;

use super::in_flight::AbandonedRequests;
use super::request_log::exchange_event;
use crate::cgi::extra_params::ExtraParams;

/// Settings of connections to an application. Clones are cheap.
///
/// ```
/// use std::time::Duration;
/// use tower_fcgi::client::Config;
/// let config = Config::default().with_keep_conn(true).with_keep_alive_timeout(Duration::from_secs(5));
/// ```
#[derive(Clone)]
pub struct Config {
    pub(super) protocol: client::Config,
    pub(super) role: Role,
    pub(super) keep_conn: bool,
    pub(super) ready_check: bool,
    pub(super) early_ready_check: bool,
    /// Always at least 1, and 1 without `keep_conn`.
    max_concurrent_requests: u16,
    pub(super) body_stall_timeout: Option<Duration>,
    pub(super) max_head_bytes: usize,
    pub(super) abort_timeout: Option<Duration>,
    pub(super) abandoned: AbandonedRequests,
    pub(super) keep_alive_timeout: Option<Duration>,
    pub(super) extra_params: Params,
    pub(super) on_stderr: Option<OnStderr>,
}

type OnStderr = Arc<dyn Fn(&[u8]) + Send + Sync>;

impl Default for Config {
    fn default() -> Self {
        Self {
            protocol: client::Config::default(),
            role: Role::RESPONDER,
            keep_conn: false,
            ready_check: true,
            early_ready_check: false,
            max_concurrent_requests: 1,
            body_stall_timeout: Some(Duration::from_secs(10)),
            max_head_bytes: 64 * 1024,
            abort_timeout: Some(Duration::from_secs(1)),
            abandoned: AbandonedRequests::Abort,
            keep_alive_timeout: Some(Duration::from_secs(1)),
            extra_params: Params::default(),
            on_stderr: None,
        }
    }
}

impl Config {
    /// Sets whether the application keeps a connection open after a request, for the next one (`KEEP_CONN`, FastCGI §5.1).
    /// Default: no.
    ///
    /// Keep connections to an application that serves many at once, such as this workspace's. Do not keep them to php-fpm: a
    /// worker serves one connection at a time, so an idle one that is kept blocks a worker, or stops it from being replaced.
    /// nginx before 1.29.7 and Caddy do not keep them either.
    ///
    /// Of kept connections:
    ///
    /// - An idle one closes after [`with_keep_alive_timeout`](Self::with_keep_alive_timeout), 1 s.
    /// - One is used again only if the application is known to be free: see [`with_ready_check`](Self::with_ready_check).
    /// - With that check, a pool sends a request that could not be sent again over a new one: see
    ///   [Which connection](super::Pool#which-connection).
    /// - One that is lost before the first byte of a response may be retried: see [Retries](super::Pool#retries).
    ///
    /// `false` also sets [`max_concurrent_requests`](Self::with_max_concurrent_requests) to 1, which needs kept connections
    /// otherwise.
    #[must_use]
    pub fn with_keep_conn(mut self, keep: bool) -> Self {
        self.keep_conn = keep;
        if !keep {
            self.max_concurrent_requests = 1;
        }
        self
    }

    /// The value that [`with_keep_conn`](Self::with_keep_conn) sets.
    #[must_use]
    pub fn keep_conn(&self) -> bool {
        self.keep_conn
    }

    /// Sets whether the application must show that it is free before a kept connection takes its next request. Default: yes.
    ///
    /// END_REQUEST does not show it (FastCGI §5.5): after `fastcgi_finish_request()` PHP runs the rest of the script, and reads
    /// the connection no earlier. So the connection takes no request until the application has replied to GET_VALUES (§4.1),
    /// which costs both sides a small record. Without a reply within 100 ms it is closed, as if it were not kept. The query is
    /// sent after the response; [`with_early_ready_check`](Self::with_early_ready_check) sends it with the request.
    ///
    /// A worker of php-fpm may also close a connection right after that reply, because it is told to end. So a pool sends over kept
    /// connections only what it could send again: see [Which connection](super::Pool#which-connection).
    ///
    /// For the same applications, a pool keeps no connections while a request over a new one has had no response for 100 ms: it
    /// may wait for a worker that an idle connection occupies.
    ///
    /// Set `false` for an application that reads its connections while it works, such as this workspace's or Go's, and for
    /// one that never replies, such as libfcgi: its connections would all be closed. An application that has several requests
    /// on a connection is not checked.
    #[must_use]
    pub fn with_ready_check(mut self, check: bool) -> Self {
        self.ready_check = check;
        self
    }

    /// The value that [`with_ready_check`](Self::with_ready_check) sets.
    #[must_use]
    pub const fn ready_check(&self) -> bool {
        self.ready_check
    }

    /// Sets whether the query of the [ready check](Self::with_ready_check) is sent right behind a request, which saves a write and
    /// a wait on both sides. Default: no.
    ///
    /// Only once the application has answered a query on the connection. A reply before the end of the response does not count:
    /// another query follows.
    ///
    /// Use it for unix sockets only. An application that closes a TCP connection without reading the query, such as a php-fpm that
    /// is being stopped, resets it, and the part of the response that was not delivered by then is lost.
    #[must_use]
    pub fn with_early_ready_check(mut self, early: bool) -> Self {
        self.early_ready_check = early;
        self
    }

    /// The value that [`with_early_ready_check`](Self::with_early_ready_check) sets.
    #[must_use]
    pub const fn early_ready_check(&self) -> bool {
        self.early_ready_check
    }

    /// Sets how many requests may be in flight at once on a connection. Default: 1.
    ///
    /// Above 1, the application is asked (FastCGI §4.1): more than one is sent only if it replies that it takes several
    /// (`FCGI_MPXS_CONNS`), and at most as many as it replies (`FCGI_MAX_REQS`). With 1 it is not asked: most applications
    /// take no more, and an unread response blocks the others. See
    /// [Multiplexing](super#multiplexing).
    ///
    /// Above 1, it also turns [`keep_conn`](Self::with_keep_conn) on, which it needs (FastCGI §5.1).
    #[must_use]
    pub fn with_max_concurrent_requests(mut self, requests: u16) -> Self {
        self.max_concurrent_requests = requests.max(1);
        self.keep_conn |= requests > 1;
        self
    }

    /// The limit that [`with_max_concurrent_requests`](Self::with_max_concurrent_requests) sets.
    #[must_use]
    pub fn max_concurrent_requests(&self) -> u16 {
        self.max_concurrent_requests
    }

    /// Sets how many unread bytes of all responses pause the input of a connection with several requests in flight.
    ///
    /// Default: 1 048 576, four times the window of [one request](Self::with_request_window), so that one slow reader does not
    /// pause the others early.
    #[must_use]
    pub fn with_connection_window(mut self, limit: usize) -> Self {
        self.protocol.connection_window = limit;
        self
    }

    /// The window that [`with_connection_window`](Self::with_connection_window) sets.
    #[must_use]
    pub fn connection_window(&self) -> usize {
        self.protocol.connection_window
    }

    /// Sets how long unread responses may pause the input of a connection with several requests. Default: 10 s.
    ///
    /// After that the request with the most unread bytes is aborted: the body of its response
    /// [fails](super::ErrorKind::Stalled), and the other requests continue.
    #[must_use]
    pub fn with_body_stall_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.body_stall_timeout = limit.into();
        self
    }

    /// The timeout that [`with_body_stall_timeout`](Self::with_body_stall_timeout) sets.
    #[must_use]
    pub const fn body_stall_timeout(&self) -> Option<Duration> {
        self.body_stall_timeout
    }

    /// Sets the role of the application (FastCGI §6). Default: Responder.
    ///
    /// An Authorizer gets no body (§6.3). The DATA of a Filter (§6.4) cannot be sent.
    #[must_use]
    pub fn with_role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// The role that [`with_role`](Self::with_role) sets.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// Sets additional meta-variables of every request: see [`ExtraParams`]. Default: none.
    #[must_use]
    pub fn with_extra_params(mut self, extra: ExtraParams) -> Self {
        self.extra_params = extra.0;
        self
    }

    /// The meta-variables that [`with_extra_params`](Self::with_extra_params) sets.
    #[must_use]
    pub fn extra_params(&self) -> &Params {
        &self.extra_params
    }

    /// Sets how many bytes the head of a response may have. Default: 65 536.
    ///
    /// A longer head is an [error](super::ErrorKind::InvalidHead). nginx takes 4 096 or 8 192, but some applications set
    /// 64 KiB of cookies.
    #[must_use]
    pub fn with_max_head_bytes(mut self, limit: usize) -> Self {
        self.max_head_bytes = limit;
        self
    }

    /// The limit that [`with_max_head_bytes`](Self::with_max_head_bytes) sets.
    #[must_use]
    pub fn max_head_bytes(&self) -> usize {
        self.max_head_bytes
    }

    /// Sets how many unread bytes of a response pause the input of its connection. Default: 262 144.
    #[must_use]
    pub fn with_request_window(mut self, limit: usize) -> Self {
        self.protocol.request_window = limit;
        self
    }

    /// The window that [`with_request_window`](Self::with_request_window) sets.
    #[must_use]
    pub fn request_window(&self) -> usize {
        self.protocol.request_window
    }

    /// Sets how long the application may take to end an aborted request (FastCGI §5.4). Default: 1 s.
    ///
    /// After that the connection is closed: some applications notice nothing else.
    #[must_use]
    pub fn with_abort_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.abort_timeout = limit.into();
        self
    }

    /// The timeout that [`with_abort_timeout`](Self::with_abort_timeout) sets.
    #[must_use]
    pub const fn abort_timeout(&self) -> Option<Duration> {
        self.abort_timeout
    }

    /// Lets the application finish a request whose caller has left, within `limit` (`None`: without a limit): its response is
    /// read to its end and dropped. Default: the request is aborted once it was sent.
    ///
    /// By default a script of PHP ends at its first output after the [abort timeout](Self::with_abort_timeout), unless it calls
    /// `ignore_user_abort`. With this, it runs to its end, as with nginx's `fastcgi_ignore_client_abort on`. After `limit` its
    /// connection is closed. Until then it counts as in use.
    ///
    /// In either case a request is sent completely if it has a connection, or a [`Pool`](super::Pool) makes one for it, and its
    /// body is in hand, also if the caller has left before.
    #[must_use]
    pub fn with_finish_abandoned(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.abandoned = AbandonedRequests::Finish(limit.into());
        self
    }

    /// Sets how long a [kept](Self::with_keep_conn) connection may be idle before it is closed. Default: 1 s.
    ///
    /// It should be shorter than the application's own limit. Otherwise requests are sent over connections that the
    /// application is closing. A connection that was not used yet has no limit.
    ///
    /// For php-fpm it must also be shorter than `request_terminate_timeout` and `pm.process_idle_timeout`, which end a worker
    /// that waits for the next request of a kept connection.
    #[must_use]
    pub fn with_keep_alive_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.keep_alive_timeout = limit.into();
        self
    }

    /// The timeout that [`with_keep_alive_timeout`](Self::with_keep_alive_timeout) sets.
    #[must_use]
    pub const fn keep_alive_timeout(&self) -> Option<Duration> {
        self.keep_alive_timeout
    }

    /// Sets the handler of the application's STDERR, which is called with each chunk. Default: a `warn` event of `tracing`.
    ///
    /// It runs in the request's span. If it panics, only that chunk is lost.
    #[must_use]
    pub fn with_on_stderr(mut self, handler: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
        self.on_stderr = Some(Arc::new(handler));
        self
    }

    /// The most requests in flight on a connection.
    pub(super) const fn max_in_flight(&self) -> u16 {
        self.max_concurrent_requests
    }

    /// Calls the handler of STDERR with a chunk. `parts`: the head of the request, for the log.
    pub(super) fn stderr(&self, text: &[u8], parts: Option<&request::Parts>) {
        match &self.on_stderr {
            Some(handler) => handler(text),
            None => {
                let text = String::from_utf8_lossy(text);
                exchange_event!(warn, parts, text = text.trim_end(), "the application wrote to STDERR");
            }
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("role", &self.role)
            .field("keep_conn", &self.keep_conn)
            .field("ready_check", &self.ready_check)
            .field("early_ready_check", &self.early_ready_check)
            .field("max_concurrent_requests", &self.max_concurrent_requests)
            .field("request_window", &self.protocol.request_window)
            .field("connection_window", &self.protocol.connection_window)
            .field("body_stall_timeout", &self.body_stall_timeout)
            .field("max_head_bytes", &self.max_head_bytes)
            .field("abort_timeout", &self.abort_timeout)
            .field("abandoned", &self.abandoned)
            .field("keep_alive_timeout", &self.keep_alive_timeout)
            .field("extra_params", &self.extra_params)
            .finish_non_exhaustive()
    }
}
