//! The response to a request that failed: its status as text.

use http::StatusCode;

use super::header_line::write_header_line;
use super::response_context::ErrorBody;
use super::status_line::{UNKNOWN_REASON, write_status_line};

/// Appends a complete response, head and body, whose only content is `status`.
pub(crate) fn write_error(status: StatusCode, body: ErrorBody, out: &mut Vec<u8>) {
    let text = match body {
        ErrorBody::None => String::new(),
        ErrorBody::Text | ErrorBody::Omit => {
            status.canonical_reason().unwrap_or(UNKNOWN_REASON).to_owned() + "\n"
        }
    };
    write_status_line(status, None, out);
    if !text.is_empty() {
        write_header_line("content-type", b"text/plain; charset=utf-8", out);
    }
    write_header_line("content-length", itoa::Buffer::new().format(text.len()).as_bytes(), out);
    out.extend_from_slice(b"\r\n");
    if body == ErrorBody::Text {
        out.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_no_body_where_none_is_allowed() {
        let error = |body| {
            let mut out = Vec::new();
            write_error(StatusCode::BAD_REQUEST, body, &mut out);
            String::from_utf8(out).unwrap()
        };
        let head = "Status: 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 12\r\n\r\n";
        assert_eq!(error(ErrorBody::Text), head.to_owned() + "Bad Request\n");
        assert_eq!(error(ErrorBody::Omit), head);
        assert_eq!(error(ErrorBody::None), "Status: 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    }
}
