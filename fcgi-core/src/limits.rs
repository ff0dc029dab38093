//! Every quantity that a peer controls, its bound, its default and the reason for it.

/// The bounds of one connection.
///
/// ```
/// use fcgi_core::Limits;
/// let mut limits = Limits::default();
/// limits.requests = 32;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of PARAMS that one request may have. Default 131 072: nginx can send the 32 KiB of its
    /// `large_client_header_buffers` and Apache was seen to send 71 KB. A request over it is
    /// [refused](crate::server::Event::Rejected), not the connection.
    pub max_params_bytes: usize,

    /// Bytes of PARAMS that all requests alive on the connection may have together, answered ones not counted.
    /// Default 524 288: four times what one may have, so that only requests which share a connection and are
    /// all of the largest kind meet it. The request that passes it is [refused](crate::server::Event::Rejected).
    pub max_total_params_bytes: usize,

    /// Name-value pairs that one request may have. Default 1 000: a browser's request has about 35, and ten
    /// times the number of headers that hyper takes by default stays legal. A request over it is
    /// [refused](crate::server::Event::Rejected).
    pub max_params: usize,

    /// Requests that may be alive at once on the connection. Default 128: HAProxy sends 32 or what is
    /// configured there; the others send one. See [`OverloadResponse`](crate::server::OverloadResponse) for what the next one is
    /// told.
    pub max_concurrent_requests: usize,

    /// Answered ids whose input has not ended. Default 128: one is normal after an early answer; a peer that
    /// never ends any of them would otherwise grow the table to 65 535. Past it the connection takes no new
    /// request and ends after those that are alive.
    pub max_half_closed_requests: usize,

    /// Bytes of one request's unread body at which input pauses while that request is alone on the
    /// connection. Default 262 144: a few reads ahead of the handler, and small enough for thousands of
    /// uploads at once.
    pub request_window: usize,

    /// Bytes of all unread bodies at which input pauses while several requests are alive. Default
    /// 1 048 576. FastCGI has no flow control (§3.3), so one unread body blocks the records behind it.
    pub connection_window: usize,

    /// Bytes of a management record's content. Default 1 024: the whole of §4.1's query is 48 bytes.
    pub max_management_bytes: usize,

    /// Bytes of answers that the connection gives by itself (to management records, and to requests that are
    /// not taken) and that wait to be written, at which input pauses. Default 65 536: every answer is as long
    /// as its question or longer, so a peer that asks and never listens would otherwise fill the memory; an
    /// honest one waits for its answer.
    pub max_control_bytes: usize,

    /// Bytes of content in a STDERR record that we send. Default 8 192: HAProxy 2.6 dies of one over 16 KB.
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
