//! The content of END_REQUEST.

use core::fmt;

/// The content of an END_REQUEST record (FastCGI §5.5).
///
/// ```
/// use fcgi_core::{EndRequest, ProtocolStatus};
/// let end = EndRequest { app_status: 0, protocol_status: ProtocolStatus::OVERLOADED };
/// assert_eq!(end.encode(), [0, 0, 0, 0, 2, 0, 0, 0]);
/// assert_eq!(EndRequest::decode(end.encode()), end);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EndRequest {
    /// The exit status that a CGI program would have (§5.5); web servers ignore it.
    pub app_status: u32,
    /// Whether the request was served, or why it was rejected.
    pub protocol_status: ProtocolStatus,
}

impl EndRequest {
    /// Bytes of the content.
    pub const LEN: usize = 8;

    /// [`LEN`](Self::LEN) as in a header.
    pub(crate) const CONTENT_LEN: u16 = 8;

    /// Encodes the content; the reserved bytes are 0.
    #[must_use]
    pub const fn encode(self) -> [u8; Self::LEN] {
        let [a3, a2, a1, a0] = self.app_status.to_be_bytes();
        [a3, a2, a1, a0, self.protocol_status.0, 0, 0, 0]
    }

    /// Decodes the content; ignores the reserved bytes.
    #[must_use]
    pub const fn decode(content: [u8; Self::LEN]) -> Self {
        let [a3, a2, a1, a0, status, ..] = content;
        Self { app_status: u32::from_be_bytes([a3, a2, a1, a0]), protocol_status: ProtocolStatus(status) }
    }
}

/// Whether an application served a request (FastCGI §5.5). An open code space.
///
/// ```
/// use fcgi_core::ProtocolStatus;
/// assert_eq!(ProtocolStatus(2), ProtocolStatus::OVERLOADED);
/// assert_eq!(format!("{:?}", ProtocolStatus::UNKNOWN_ROLE), "UNKNOWN_ROLE");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProtocolStatus(pub u8);

impl ProtocolStatus {
    /// The request was served.
    pub const REQUEST_COMPLETE: Self = Self(0);
    /// Rejected: the application accepts one request at a time per connection.
    pub const CANT_MPX_CONN: Self = Self(1);
    /// Rejected: the application is out of some resource.
    pub const OVERLOADED: Self = Self(2);
    /// Rejected: the application does not support the role.
    pub const UNKNOWN_ROLE: Self = Self(3);
}

impl fmt::Debug for ProtocolStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::REQUEST_COMPLETE => f.write_str("REQUEST_COMPLETE"),
            Self::CANT_MPX_CONN => f.write_str("CANT_MPX_CONN"),
            Self::OVERLOADED => f.write_str("OVERLOADED"),
            Self::UNKNOWN_ROLE => f.write_str("UNKNOWN_ROLE"),
            Self(other) => write!(f, "ProtocolStatus({other})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_round_trip() {
        let end = EndRequest { app_status: 0x0102_0304, protocol_status: ProtocolStatus::OVERLOADED };
        assert_eq!(end.encode(), [1, 2, 3, 4, 2, 0, 0, 0]);
        assert_eq!(EndRequest::decode([1, 2, 3, 4, 2, 9, 9, 9]), end);
    }
}
