//! The `Status` line of a CGI head (RFC 3875 §6.3.3).

use http::StatusCode;

/// The reason phrase of a status without one: HAProxy and Apache need a word there.
pub(super) const UNKNOWN_REASON: &str = "Unknown";

/// Appends `Status: NNN Reason`.
pub(super) fn write_status_line(status: StatusCode, out: &mut Vec<u8>) {
    out.reserve(256);
    if status == StatusCode::OK {
        return out.extend_from_slice(b"Status: 200 OK\r\n");
    }
    out.extend_from_slice(b"Status: ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or(UNKNOWN_REASON).as_bytes());
    out.extend_from_slice(b"\r\n");
}
