//! The configuration of a connection to an application.

/// The limits of a [`Connection`](super::Connection).
///
/// ```
/// let mut config = fcgi_core::client::Config::default();
/// config.max_concurrent_requests = 32;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Active requests on the connection. Default 1: most applications, for instance PHP, accept one at a time.
    /// [`get_values`](super::Connection::get_values) queries whether one accepts more: `FCGI_MPXS_CONNS` (FastCGI
    /// §4.1).
    pub max_concurrent_requests: u16,

    /// Unwritten bytes at which [`wants_body`](super::Connection::wants_body) becomes false. Default 65 536: about one
    /// record.
    pub max_write_buffer: usize,

    /// Unread response bytes at which input pauses with one request. Default 262 144: a few reads ahead of the reader.
    pub request_window: usize,

    /// Unread response bytes at which input pauses with several requests. Default 1 048 576. FastCGI has no flow control
    /// (§3.3), so one unread response blocks the records behind it.
    pub connection_window: usize,

    /// Content bytes of a GET_VALUES_RESULT. Default 1 024: the complete result of §4.1 has about 60.
    pub max_management_bytes: usize,
}

impl Config {
    /// The default limits.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            max_concurrent_requests: 1,
            max_write_buffer: 64 * 1024,
            request_window: 256 * 1024,
            connection_window: 1024 * 1024,
            max_management_bytes: 1024,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}
