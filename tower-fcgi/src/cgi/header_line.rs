//! A line of a CGI head (RFC 3875 §6.3).

use super::whitespace::trim_ows;

/// Appends `name: value`, without whitespace around the value.
pub(super) fn write_header_line(name: &str, value: &[u8], out: &mut Vec<u8>) {
    let value = trim_ows(value);
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}
