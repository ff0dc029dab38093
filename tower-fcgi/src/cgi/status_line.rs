//! The `Status` line of a CGI head (RFC 3875 §6.3.3).

use http::StatusCode;

use super::reason_phrase::ReasonPhrase;

/// The reason phrase of a status without one: HAProxy and Apache need a word there.
pub(super) const UNKNOWN_REASON: &str = "Unknown";

/// Appends `Status: NNN Reason`, with the standard phrase of `status` unless the response has its own.
pub(super) fn write_status_line(status: StatusCode, own: Option<&ReasonPhrase>, out: &mut Vec<u8>) {
    out.reserve(256);
    let own = own.map(|reason| reason.as_bytes().trim_ascii()).filter(|reason| !reason.is_empty());
    if status == StatusCode::OK && own.is_none() {
        return out.extend_from_slice(b"Status: 200 OK\r\n");
    }
    out.extend_from_slice(b"Status: ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    let standard = || status.canonical_reason().unwrap_or(UNKNOWN_REASON).as_bytes();
    out.extend_from_slice(own.unwrap_or_else(standard));
    out.extend_from_slice(b"\r\n");
}
