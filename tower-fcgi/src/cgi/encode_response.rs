//! Encodes the head of an [`http::Response`] as a CGI head (RFC 3875 §6).
//!
//! The head begins with `Status: NNN Reason`, with the response's [`ReasonPhrase`](crate::ReasonPhrase) or else the standard
//! one; only a `Location` comes before it. The other headers follow in their
//! order, without those that are hop-by-hop (RFC 9110 §7.6.1): `Connection` and the headers that it names, `Keep-Alive`,
//! `Proxy-Connection`, `TE`, `Trailer`, `Transfer-Encoding`, `Upgrade`. A `Status` header of the application is left out
//! too: the web server would take it for the status line. Spaces and tabs around a value are removed (RFC 9110 §5.5). Only
//! `Content-Length` is added, if the body knows its length.
//!
//! Lengths are those of hyper, so that a service behaves as over HTTP:
//!
//! | response | Content-Length |
//! | --- | --- |
//! | with a body | the application's, else the body's |
//! | with a body that is at its end | 0, whatever the application's |
//! | to HEAD | the application's, else the body's unless that is 0: a Router has emptied the body of the response to GET |
//! | 304 | the application's if the response has a body, which is not sent, or to HEAD; never axum's 0 for an empty body, which hyper sends to HEAD |
//! | 204 | none (RFC 9110 §8.6 forbids it; hyper sends the application's) |

use http::header::{CONNECTION, CONTENT_LENGTH, HeaderMap, LOCATION};
use http::{StatusCode, response};
use http_body::Body;

use super::authorizer::write_authorization;
use super::content_length::DeclaredLength;
use super::error::ResponseError;
use super::header_line::write_header_line;
use super::hop_by_hop::{is_hop_by_hop, is_named_by_connection};
use super::response_context::ResponseContext;
use super::status_line::write_status_line;

/// The body that follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseBodyLength {
    /// No body, even if the response has one: to HEAD, with 204 or 304 (RFC 9110 §6.4.1), or an Authorizer's `200`
    /// (FastCGI §6.3).
    NoBody,
    /// The response's body, of `length` bytes if Content-Length is known.
    Body { length: Option<u64> },
}

/// The size of a response's body, before its first poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseBodySize {
    /// The body is at its end.
    Empty,
    Exact(u64),
    Unknown,
}

impl ResponseBodySize {
    pub(crate) fn of(body: &impl Body) -> Self {
        if body.is_end_stream() {
            return Self::Empty;
        }
        body.size_hint().exact().map_or(Self::Unknown, Self::Exact)
    }

    const fn exact(self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Exact(size) => Some(size),
            Self::Unknown => None,
        }
    }
}

/// Appends the head of a response to `out`, and returns which body follows it. `size` is that of the response's body.
///
/// # Errors
/// CGI cannot carry the response; `out` is unchanged.
pub(crate) fn write_head(
    parts: &response::Parts,
    size: ResponseBodySize,
    context: ResponseContext,
    out: &mut Vec<u8>,
) -> Result<ResponseBodyLength, ResponseError> {
    let start = out.len();
    write_status_line(parts.status, parts.extensions.get(), out);
    if context.is_authorization(parts.status) {
        write_authorization(&parts.headers, out);
        out.extend_from_slice(b"\r\n");
        return Ok(ResponseBodyLength::NoBody);
    }
    let declared = write_headers(&parts.headers, start, out);
    match body_length(parts.status, &declared, size, context.head_only) {
        Ok((body, length)) => {
            if let Some(length) = length {
                write_header_line(
                    CONTENT_LENGTH.as_str(),
                    itoa::Buffer::new().format(length).as_bytes(),
                    out,
                );
            }
            out.extend_from_slice(b"\r\n");
            Ok(body)
        }
        Err(error) => {
            out.truncate(start);
            Err(error)
        }
    }
}

/// The body that follows the head, and the Content-Length of the head. `declared` is the application's own.
fn body_length(
    status: StatusCode,
    declared: &DeclaredLength<'_>,
    size: ResponseBodySize,
    head_only: bool,
) -> Result<(ResponseBodyLength, Option<u64>), ResponseError> {
    Ok(match status {
        StatusCode::SWITCHING_PROTOCOLS => {
            return Err(ResponseError(
                "its status is 101, and the web server does not carry the upgrade (WebSocket)",
            ));
        }
        // RFC 3875 §6.3.3 has no interim responses.
        _ if status.is_informational() => return Err(ResponseError("its status is 1xx")),
        // RFC 9110 §8.6 forbids Content-Length with 204.
        StatusCode::NO_CONTENT => (ResponseBodyLength::NoBody, None),
        // RFC 9110 §8.6: with 304 and to HEAD, Content-Length is that of the body that is not sent.
        StatusCode::NOT_MODIFIED => {
            let length = match size {
                // axum declares a length of 0, to HEAD too. hyper drops it to GET only.
                ResponseBodySize::Empty if head_only => declared.parse()?.filter(|length| *length > 0),
                ResponseBodySize::Empty => None,
                ResponseBodySize::Exact(_) | ResponseBodySize::Unknown => declared.parse()?,
            };
            (ResponseBodyLength::NoBody, length)
        }
        _ if head_only => {
            let length = declared.parse()?.or(size.exact().filter(|size| *size > 0));
            (ResponseBodyLength::NoBody, length)
        }
        _ => {
            let length = match size {
                ResponseBodySize::Empty => Some(0),
                ResponseBodySize::Exact(_) | ResponseBodySize::Unknown => declared.parse()?.or(size.exact()),
            };
            (ResponseBodyLength::Body { length }, length)
        }
    })
}

/// Appends all headers that are forwarded, and moves Location to `start`, where the head begins. Content-Length is
/// returned, not written.
fn write_headers<'a>(headers: &'a HeaderMap, start: usize, out: &mut Vec<u8>) -> DeclaredLength<'a> {
    let headers_start = out.len();
    let mut length = DeclaredLength::default();
    let (mut has_connection, mut has_location) = (false, false);
    for (name, value) in headers {
        if name == CONTENT_LENGTH {
            length.add(value);
        } else if name == LOCATION {
            has_location = true;
        } else if !is_hop_by_hop(name) {
            write_header_line(name.as_str(), value.as_bytes(), out);
        } else if name == CONNECTION {
            has_connection = true;
        }
    }
    if has_connection {
        // Location is rare: start over.
        out.truncate(headers_start);
        for (name, value) in headers {
            if name != CONTENT_LENGTH
                && name != LOCATION
                && !is_hop_by_hop(name)
                && !is_named_by_connection(name, headers)
            {
                write_header_line(name.as_str(), value.as_bytes(), out);
            }
        }
    }
    if has_location {
        insert_location_first(headers, start, out);
    }
    length
}

/// Inserts Location before the status line, at `start`: HAProxy (seen with 2.6.12) takes the status from the last of the
/// two lines, and a Location means 302 to it.
fn insert_location_first(headers: &HeaderMap, start: usize, out: &mut Vec<u8>) {
    if is_named_by_connection(&LOCATION, headers) {
        return;
    }
    let mut lines = Vec::new();
    for value in headers.get_all(LOCATION) {
        write_header_line(LOCATION.as_str(), value.as_bytes(), &mut lines);
    }
    out.splice(start..start, lines);
}

#[cfg(test)]
mod tests {
    use super::*;
    use fcgi_core::Role;
    use http::Response;

    fn head(
        response: Response<()>,
        exact: Option<u64>,
        head_only: bool,
    ) -> Result<(String, ResponseBodyLength), &'static str> {
        let size = exact.map_or(ResponseBodySize::Unknown, ResponseBodySize::Exact);
        head_of(response, size, head_only)
    }

    fn head_of(
        response: Response<()>,
        size: ResponseBodySize,
        head_only: bool,
    ) -> Result<(String, ResponseBodyLength), &'static str> {
        let mut out = Vec::new();
        let parts = response.into_parts().0;
        let context = ResponseContext { role: Role::RESPONDER, head_only };
        match write_head(&parts, size, context, &mut out) {
            Ok(body) => Ok((String::from_utf8(out).unwrap(), body)),
            Err(ResponseError(reason)) => {
                assert_eq!(out, b"", "unchanged");
                Err(reason)
            }
        }
    }

    #[test]
    fn status_comes_first_and_no_header_is_invented() {
        let response = Response::builder()
            .status(404)
            .header("x-b", "2")
            .header("set-cookie", "a=1")
            .header("set-cookie", "b=2")
            .body(())
            .unwrap();
        let text = "Status: 404 Not Found\r\nx-b: 2\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n\r\n";
        assert_eq!(
            head(response, None, false),
            Ok((text.to_owned(), ResponseBodyLength::Body { length: None }))
        );
    }

    #[test]
    fn a_location_comes_before_the_status_and_only_there() {
        for (connection, expected) in [
            ("close", "location: /y\r\nStatus: 308 Permanent Redirect\r\nx-a: 1\r\nx-b: 2\r\n\r\n"),
            ("location", "Status: 308 Permanent Redirect\r\nx-a: 1\r\nx-b: 2\r\n\r\n"),
        ] {
            let response = Response::builder().status(308).header("x-a", "1").header("location", "/y");
            let response = response.header("x-b", "2").header("connection", connection).body(()).unwrap();
            assert_eq!(head(response, None, false).unwrap().0, expected);
        }
    }

    #[test]
    fn a_status_without_a_reason_gets_unknown() {
        let response = Response::builder().status(799).body(()).unwrap();
        assert!(head(response, None, false).unwrap().0.starts_with("Status: 799 Unknown\r\n"));
    }

    #[test]
    fn an_own_reason_phrase_replaces_the_standard_one() {
        for (status, own, line) in [
            (404, "No such page", "Status: 404 No such page\r\n"),
            (200, "Fine", "Status: 200 Fine\r\n"),
            (799, " Own\t", "Status: 799 Own\r\n"),
            // HAProxy and Apache need a word.
            (200, "", "Status: 200 OK\r\n"),
            (799, " ", "Status: 799 Unknown\r\n"),
        ] {
            let reason = crate::ReasonPhrase::try_from(own).unwrap();
            let response = Response::builder().status(status).extension(reason).body(()).unwrap();
            let head = head(response, None, false).unwrap().0;
            assert!(head.starts_with(line), "{head}");
        }
    }

    #[test]
    fn hop_by_hop_headers_and_an_own_status_are_dropped() {
        let response = Response::builder()
            .header("connection", "x-hop, close")
            .header("x-hop", "1")
            .header("keep-alive", "timeout=5")
            .header("proxy-connection", "close")
            .header("transfer-encoding", "chunked")
            .header("te", "trailers")
            .header("trailer", "x-sum")
            .header("upgrade", "h2c")
            .header("status", "500 No")
            .header("x-kept", "1")
            .body(())
            .unwrap();
        assert_eq!(head(response, None, false).unwrap().0, "Status: 200 OK\r\nx-kept: 1\r\n\r\n");
    }

    #[test]
    fn content_length_is_added_if_known_and_never_doubled() {
        let plain = || Response::new(());
        let declared = || Response::builder().header("content-length", "5").body(()).unwrap();
        let twice = Response::builder().header("content-length", "5").header("content-length", "5");
        for (response, exact, expected) in [
            (plain(), Some(13), Some(13)),
            (plain(), Some(0), Some(0)),
            (plain(), None, None),
            (declared(), Some(5), Some(5)),
            (declared(), None, Some(5)),
            (declared(), Some(7), Some(5)),
            (twice.body(()).unwrap(), None, Some(5)),
        ] {
            let (text, body) = head(response, exact, false).unwrap();
            assert_eq!(body, ResponseBodyLength::Body { length: expected });
            assert_eq!(text.matches("content-length").count(), usize::from(expected.is_some()), "{text}");
        }
    }

    #[test]
    fn head_204_and_304_have_no_body_nor_added_length() {
        let with =
            |status: u16| Response::builder().status(status).header("content-length", "5").body(()).unwrap();
        let without = |status: u16| Response::builder().status(status).body(()).unwrap();
        for (response, head_only, length) in [
            (without(200), true, None),
            (with(200), true, Some("5")),
            (without(304), false, None),
            (with(304), false, Some("5")),
            (without(204), false, None),
            (with(204), false, None),
        ] {
            let (text, body) = head(response, Some(0), head_only).unwrap();
            assert_eq!(body, ResponseBodyLength::NoBody);
            let line = length.map_or(String::new(), |length| format!("content-length: {length}\r\n"));
            assert_eq!(text.split_once("\r\n").unwrap().1, line + "\r\n", "{text}");
        }
    }

    #[test]
    fn lengths_are_those_of_hyper() {
        use ResponseBodySize::{Empty, Exact, Unknown};
        for (status, head_only, declared, size, expected) in [
            // To HEAD: the application's, else the body's.
            (200, true, None, Exact(5), Some("5")),
            (404, true, None, Exact(5), Some("5")),
            (200, true, Some("7"), Exact(5), Some("7")),
            (200, true, Some("7"), Empty, Some("7")),
            (200, true, Some("0"), Empty, Some("0")),
            (200, true, None, Empty, None),
            (200, true, None, Exact(0), None),
            (200, true, None, Unknown, None),
            // An empty body has no other length.
            (200, false, None, Empty, Some("0")),
            (200, false, Some("7"), Empty, Some("0")),
            (200, false, Some("x"), Empty, Some("0")),
            // A body that may have bytes has the declared length.
            (200, false, Some("7"), Exact(5), Some("7")),
            (200, false, Some("7"), Unknown, Some("7")),
            (200, false, Some(" 7\t"), Unknown, Some("7")),
            // axum declares a length of 0 for an empty body.
            (304, false, Some("0"), Empty, None),
            (304, false, Some("7"), Empty, None),
            (304, true, Some("0"), Empty, None),
            (304, true, Some("7"), Empty, Some("7")),
            (304, false, Some("7"), Exact(7), Some("7")),
            (304, false, Some("7"), Unknown, Some("7")),
            (304, false, None, Exact(7), None),
            (204, false, Some("7"), Exact(7), None),
            (204, true, Some("7"), Empty, None),
        ] {
            let mut response = Response::builder().status(status);
            if let Some(declared) = declared {
                response = response.header("content-length", declared);
            }
            let (text, _) = head_of(response.body(()).unwrap(), size, head_only).unwrap();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
            assert_eq!(length, expected, "{status} {head_only} {declared:?} {size:?}");
        }
    }

    #[test]
    fn header_values_have_no_whitespace_around_them() {
        let response = Response::builder()
            .header("x-a", "\t a b ")
            .header("location", " /y\t")
            .header("content-length", " 5 ")
            .header("content-length", "5");
        let text = head(response.body(()).unwrap(), None, false).unwrap().0;
        assert_eq!(text, "location: /y\r\nStatus: 200 OK\r\nx-a: a b\r\ncontent-length: 5\r\n\r\n");
    }

    #[test]
    fn an_authorizer_200_has_no_content_headers() {
        let authorizer = |head_only, status: u16| {
            let response = Response::builder()
                .status(status)
                .header("content-type", "text/plain")
                .header("content-length", "5")
                .header("Variable-AUTH_User", "alice")
                .header("x-other", "1")
                .header("connection", "close");
            let parts = response.body(()).unwrap().into_parts().0;
            let mut out = Vec::new();
            let context = ResponseContext { role: Role::AUTHORIZER, head_only };
            let body = write_head(&parts, ResponseBodySize::Exact(5), context, &mut out).unwrap();
            (String::from_utf8(out).unwrap(), body)
        };
        let permission = "Status: 200 OK\r\nVariable-AUTH_USER: alice\r\nx-other: 1\r\n\r\n".to_owned();
        for head_only in [false, true] {
            assert_eq!(authorizer(head_only, 200), (permission.clone(), ResponseBodyLength::NoBody));
        }
        for status in [201, 403] {
            let (text, body) = authorizer(false, status);
            assert_eq!(body, ResponseBodyLength::Body { length: Some(5) });
            assert!(text.contains("content-type: text/plain\r\n") && text.contains("content-length: 5\r\n"));
            assert_eq!(authorizer(true, status).1, ResponseBodyLength::NoBody, "to HEAD");
        }
    }

    #[test]
    fn interim_statuses_and_upgrades_are_errors() {
        for status in [100, 101, 103] {
            let response = Response::builder().status(status).body(()).unwrap();
            assert!(head(response, None, false).is_err(), "{status}");
        }
    }

    #[test]
    fn an_invalid_content_length_is_an_error() {
        for lengths in [&["5", "6"][..], &["abc"], &["-1"], &["+1"], &[""], &["18446744073709551616"]] {
            let mut response = Response::new(());
            for length in lengths {
                response.headers_mut().append(CONTENT_LENGTH, length.parse().unwrap());
            }
            assert!(head(response, None, false).is_err(), "{lengths:?}");
        }
    }

    #[test]
    fn headers_of_64_kib_and_many_cookies_stay_in_order() {
        let mut response = Response::new(());
        for number in 0..1000 {
            let cookie = format!("c{number}={}", "x".repeat(60));
            response.headers_mut().append("set-cookie", cookie.parse().unwrap());
        }
        let (text, _) = head(response, None, false).unwrap();
        assert!(text.len() > 64 * 1024);
        let numbers = text.lines().filter_map(|line| line.strip_prefix("set-cookie: c")?.split_once('='));
        assert!(numbers.map(|(number, _)| number.parse::<usize>().unwrap()).eq(0..1000));
    }
}
