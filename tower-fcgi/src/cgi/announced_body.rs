//! Whether a request has a body, by what the web server sends before it.

use fcgi_core::Params;

use super::whitespace::trim_ows;

/// Whether HTTP rules out a body: the client spoke HTTP/1.x, and sent neither Content-Length nor Transfer-Encoding
/// (RFC 9112 §6.3).
///
/// Every tested web server passes on one of the two for a body: a number, nginx (unbuffered) and Apache for a chunked body
/// HTTP_TRANSFER_ENCODING, and Caddy a CONTENT_LENGTH of `-1`. It does not hold for HTTP/2 and HTTP/3, whose bodies need
/// neither: nginx passes them on unbuffered without any sign.
pub(crate) fn announces_no_body(params: &Params) -> bool {
    let (mut is_http_1, mut has_length) = (false, false);
    // Of a variable that comes several times the last counts.
    for (name, value) in params {
        match name {
            b"SERVER_PROTOCOL" => is_http_1 = value.starts_with(b"HTTP/1."),
            b"CONTENT_LENGTH" => has_length = !trim_ows(value).is_empty(),
            // A web server that is not configured to send the other may send this.
            b"HTTP_CONTENT_LENGTH" if !trim_ows(value).is_empty() => return false,
            b"HTTP_TRANSFER_ENCODING" => return false,
            _ => {}
        }
    }
    is_http_1 && !has_length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_1_without_any_length_has_no_body() {
        for (pairs, expected) in [
            (&[("SERVER_PROTOCOL", "HTTP/1.1")][..], true),
            (&[("SERVER_PROTOCOL", "HTTP/1.0"), ("CONTENT_LENGTH", "")], true),
            (&[("SERVER_PROTOCOL", "HTTP/1.1"), ("CONTENT_LENGTH", "-1")], false),
            (&[("SERVER_PROTOCOL", "HTTP/1.1"), ("CONTENT_LENGTH", "3")], false),
            (&[("SERVER_PROTOCOL", "HTTP/1.1"), ("CONTENT_LENGTH", "3"), ("CONTENT_LENGTH", "")], true),
            (&[("SERVER_PROTOCOL", "HTTP/1.1"), ("HTTP_CONTENT_LENGTH", "3")], false),
            (&[("SERVER_PROTOCOL", "HTTP/1.1"), ("HTTP_TRANSFER_ENCODING", "chunked")], false),
            (&[("SERVER_PROTOCOL", "HTTP/1.1"), ("HTTP_TRANSFER_ENCODING", "")], false),
            (&[("SERVER_PROTOCOL", "HTTP/2.0")], false),
            (&[("SERVER_PROTOCOL", "HTTP/3.0"), ("CONTENT_LENGTH", "")], false),
            (&[("SERVER_PROTOCOL", "INCLUDED")], false),
            (&[], false),
        ] {
            assert_eq!(announces_no_body(&pairs.iter().copied().collect()), expected, "{pairs:?}");
        }
    }
}
