//! Encodes the head of a `101 Switching Protocols`, as lighttpd reads it over FastCGI and CGI.

use http::header::{CONNECTION, CONTENT_LENGTH, UPGRADE};
use http::{StatusCode, response};

use super::header_line::write_header_line;
use super::hop_by_hop::is_hop_by_hop;
use super::status_line::write_status_line;

/// Appends the head of a 101.
///
/// The status comes first, since lighttpd drops Upgrade from a head whose status is not yet 101. Connection and Upgrade are
/// forwarded. Content-Length is not (RFC 9110 §8.6): axum adds one of 0.
pub(crate) fn write_upgrade_head(parts: &response::Parts, out: &mut Vec<u8>) {
    write_status_line(StatusCode::SWITCHING_PROTOCOLS, parts.extensions.get(), out);
    for (name, value) in &parts.headers {
        let is_upgrade = name == CONNECTION || name == UPGRADE;
        if is_upgrade || (name != CONTENT_LENGTH && !is_hop_by_hop(name)) {
            write_header_line(name.as_str(), value.as_bytes(), out);
        }
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    #[test]
    fn the_head_of_a_101_keeps_its_upgrade() {
        let response = Response::builder()
            .status(101)
            .header("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
            .header("upgrade", "websocket")
            .header("connection", "upgrade")
            .header("content-length", "0")
            .header("transfer-encoding", "chunked")
            .header("set-cookie", "a=1");
        let mut out = Vec::new();
        write_upgrade_head(&response.body(()).unwrap().into_parts().0, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "Status: 101 Switching Protocols\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
             upgrade: websocket\r\nconnection: upgrade\r\nset-cookie: a=1\r\n\r\n"
        );
    }
}
