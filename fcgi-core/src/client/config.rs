//! The bounds of one connection to an application.

/// The bounds of a [`Connection`](super::Connection).
///
/// ```
/// let mut config = fcgi_core::client::Config::default();
/// config.requests = 32;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Requests that may be live at once. Default 1: most applications, PHP among them, take one at a time on
    /// a connection. `FCGI_MPXS_CONNS`, which [`get_values`](super::Connection::get_values) asks for, says
    /// whether one takes more (FastCGI §4.1).
    pub max_concurrent_requests: u16,

    /// Bytes that wait to be written at which there is no more [room](super::Connection::wants_body). Default
    /// 65 536: a record's worth.
    pub max_write_buffer: usize,

    /// Bytes of one unread answer at which input pauses while it is alone. Default 262 144: a few reads ahead
    /// of who reads it.
    pub request_window: usize,

    /// Bytes of all unread answers at which input pauses while there are several. Default 1 048 576. FastCGI
    /// has no flow control (§3.3), so one unread answer blocks the records behind it.
    pub connection_window: usize,

    /// Bytes of a GET_VALUES_RESULT's content. Default 1 024: the whole of §4.1's answer is some 60 bytes.
    pub max_management_bytes: usize,
}

impl Config {
    /// The defaults.
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
