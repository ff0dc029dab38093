//! The limits on every quantity that a peer controls, with the defaults and their reasons.

/// The limits on what a web server may send on one connection of an application.
///
/// ```
/// use fcgi_core::Limits;
/// let mut limits = Limits::default();
/// limits.max_concurrent_requests = 32;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of PARAMS per request. Default 131 072: nginx can send the 32 KiB of its
    /// `large_client_header_buffers`, and Apache was seen to send 71 KB. A request over the limit is
    /// [rejected](crate::server::Event::Rejected); the connection stays open.
    pub max_params_bytes: usize,

    /// Bytes of PARAMS of all active requests of the connection together. Default 524 288: four times the
    /// limit of one request, so that only the largest requests on a shared connection reach it. The request
    /// that exceeds it is [rejected](crate::server::Event::Rejected).
    pub max_total_params_bytes: usize,

    /// Name-value pairs per request. Default 1 000: a browser's request has about 35, and ten times hyper's
    /// default limit on headers still fits. A request over the limit is
    /// [rejected](crate::server::Event::Rejected).
    pub max_params: usize,

    /// Active requests on the connection. Default 128: HAProxy sends 32 or its configured number; other web
    /// servers send one. [`OverloadResponse`](crate::server::OverloadResponse) is the response to further
    /// requests.
    pub max_concurrent_requests: usize,

    /// Answered requests whose input has not ended. Default 128: one is normal after an early response, but a
    /// peer that never ends any could fill the table with 65 535. Over the limit, the connection accepts no new
    /// requests and closes after the active ones.
    pub max_half_closed_requests: usize,

    /// Unread body bytes at which input pauses while only one request is active. Default 262 144: a few reads
    /// ahead of the handler, and small enough for thousands of concurrent uploads.
    pub request_window: usize,

    /// Unread body bytes of all requests at which input pauses while several are active. Default 1 048 576.
    /// FastCGI has no flow control (§3.3), so one unread body blocks the records behind it.
    pub connection_window: usize,

    /// Content bytes of a management record. Default 1 024: the complete query of §4.1 has 48.
    pub max_management_bytes: usize,

    /// Bytes of the connection's own responses (to management records and rejected requests) in the output at
    /// which input pauses. Default 65 536: each response is at least as long as its record, so a peer that
    /// sends without reading would otherwise fill the memory.
    pub max_control_bytes: usize,

    /// Content bytes of a STDERR record that is sent. Default 8 192: HAProxy 2.6 crashes on one over 16 KB.
    pub max_stderr_record: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_params_bytes: 128 * 1024,
            max_total_params_bytes: 512 * 1024,
            max_params: 1000,
            max_concurrent_requests: 128,
            max_half_closed_requests: 128,
            request_window: 256 * 1024,
            connection_window: 1024 * 1024,
            max_management_bytes: 1024,
            max_control_bytes: 64 * 1024,
            max_stderr_record: 8192,
        }
    }
}
