//! The head of an [`http::Response`] to a CGI head (RFC 3875 §6), and what is to follow it.
//!
//! The head begins with `Status: NNN Reason`, but for a `Location`, which comes before it. Headers follow in
//! their order, less those that are a matter between two HTTP peers: `Connection` and what it names, `Keep-Alive`, `Proxy-Connection`, `TE`, `Trailer`,
//! `Transfer-Encoding`, `Upgrade`, and a `Status` of the application's own, which would be taken for the
//! status line. Nothing is added but `Content-Length`, where the body knows it.

use http::header::{CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, LOCATION};
use http::{StatusCode, response};
use http_body::SizeHint;

use super::authorizer::write_authorization;
use super::decimal::decimal;
use super::response_context::ResponseContext;
use crate::server::failure::Failure;

/// What follows the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseBodyLength {
    /// Nothing, whatever the body has: the answer to HEAD, 204, 304, and an Authorizer's permission.
    NoBody,
    /// The body, of as many bytes as Content-Length says where there is one.
    Body { length: Option<u64> },
}

/// Appends the head of a response to `out`, and says what is to follow it. `hint`: what the body knows of its
/// length; `call`: what it answers.
///
/// # Errors
/// The response is one that CGI cannot carry; `out` is as it was.
pub(crate) fn write_head(
    parts: &response::Parts,
    hint: &SizeHint,
    call: ResponseContext,
    out: &mut Vec<u8>,
) -> Result<ResponseBodyLength, Failure> {
    let start = out.len();
    if call.is_permission(parts.status) {
        write_status(parts.status, out);
        write_authorization(&parts.headers, out);
        out.extend_from_slice(b"\r\n");
        return Ok(ResponseBodyLength::NoBody);
    }
    write_status(parts.status, out);
    let written = write_headers(&parts.headers, start, out).and_then(|declared| {
        let (framing, length) = framing(parts.status, declared, hint, call.head_only)?;
        if let Some(length) = length {
            write_line(CONTENT_LENGTH.as_str(), Decimal::new(length).as_bytes(), out);
        }
        out.extend_from_slice(b"\r\n");
        Ok(framing)
    });
    if written.is_err() {
        out.truncate(start);
    }
    written
}

/// What follows the head, and the length that it declares. `declared`: the application's own Content-Length.
fn framing(
    status: StatusCode,
    declared: Option<u64>,
    hint: &SizeHint,
    to_head: bool,
) -> Result<(ResponseBodyLength, Option<u64>), Failure> {
    Ok(match status {
        // RFC 3875 §6.3.3 has no interim responses, and a connection that changes its protocol is none of
        // CGI's.
        StatusCode::SWITCHING_PROTOCOLS => {
            return Err(Failure::Head("a protocol upgrade (WebSocket) needs HTTP to the application"));
        }
        _ if status.is_informational() => return Err(Failure::Head("its status is 1xx")),
        // RFC 9110 §8.6 forbids a length here.
        StatusCode::NO_CONTENT => (ResponseBodyLength::NoBody, None),
        // An answer to HEAD and a 304 may tell the length of the body that they do not have; only the
        // application knows it: axum gives a streamed answer to HEAD an empty body. A length of 0 is what
        // axum gives a response without a body, and no length of a body that a 304 stands for.
        StatusCode::NOT_MODIFIED => (ResponseBodyLength::NoBody, declared.filter(|length| *length > 0)),
        _ if to_head => (ResponseBodyLength::NoBody, declared),
        _ => {
            let length = declared.or(hint.exact());
            (ResponseBodyLength::Body { length }, length)
        }
    })
}

/// What is known of the request's method where an error is the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorBody {
    /// HEAD: the answer has no body.
    ForHead,
    /// Another method.
    ForBody,
    /// Nothing, since the request's own head was at fault.
    Unknown,
}

/// Appends a whole answer that says `status` and nothing else.
pub(crate) fn write_error(status: StatusCode, asked: ErrorBody, out: &mut Vec<u8>) {
    let text = match asked {
        ErrorBody::Unknown => String::new(),
        ErrorBody::ForHead | ErrorBody::ForBody => {
            status.canonical_reason().unwrap_or(UNKNOWN).to_owned() + "\n"
        }
    };
    write_status(status, out);
    if !text.is_empty() {
        write_line("content-type", b"text/plain; charset=utf-8", out);
    }
    write_line("content-length", Decimal::new(text.len() as u64).as_bytes(), out);
    out.extend_from_slice(b"\r\n");
    if asked == ErrorBody::ForBody {
        out.extend_from_slice(text.as_bytes());
    }
}

/// The reason of a status that has none: HAProxy and Apache want a word there.
const UNKNOWN: &str = "Unknown";

fn write_status(status: StatusCode, out: &mut Vec<u8>) {
    out.reserve(256);
    if status == StatusCode::OK {
        return out.extend_from_slice(b"Status: 200 OK\r\n");
    }
    out.extend_from_slice(b"Status: ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or(UNKNOWN).as_bytes());
    out.extend_from_slice(b"\r\n");
}

pub(super) fn write_line(name: &str, value: &[u8], out: &mut Vec<u8>) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Puts what a response has of Location before its status, where the `head` begins: HAProxy (seen with 2.6.12) takes
/// whichever comes last for the status, a Location for 302.
fn insert_location_first(headers: &HeaderMap, head: usize, out: &mut Vec<u8>) {
    if is_named_by_connection(&LOCATION, headers) {
        return;
    }
    let mut lines = Vec::new();
    for value in headers.get_all(LOCATION) {
        write_line(LOCATION.as_str(), value.as_bytes(), &mut lines);
    }
    out.splice(head..head, lines);
}

/// Writes all headers but those that are not for the web server's client, and Content-Length: that is given, and
/// written once behind the others. Location comes before all else of the `head`.
fn write_headers(headers: &HeaderMap, head: usize, out: &mut Vec<u8>) -> Result<Option<u64>, Failure> {
    let start = out.len();
    let mut length = DeclaredLength::default();
    let (mut names_others, mut has_location) = (false, false);
    for (name, value) in headers {
        if name == CONTENT_LENGTH {
            length.declare(value)?;
        } else if name == LOCATION {
            has_location = true;
        } else if !is_hop_by_hop(name) {
            write_line(name.as_str(), value.as_bytes(), out);
        } else if name == CONNECTION {
            names_others = true;
        }
    }
    if names_others {
        // Rare enough to be done again.
        out.truncate(start);
        for (name, value) in headers {
            if name != CONTENT_LENGTH
                && name != LOCATION
                && !is_hop_by_hop(name)
                && !is_named_by_connection(name, headers)
            {
                write_line(name.as_str(), value.as_bytes(), out);
            }
        }
    }
    if has_location {
        insert_location_first(headers, head, out);
    }
    length.number()
}

/// RFC 9110 §7.6.1, and CGI's own `Status`.
pub(crate) fn is_hop_by_hop(name: &HeaderName) -> bool {
    let name = name.as_str();
    match name.len() {
        2 => name == "te",
        6 => name == "status",
        7 => name == "trailer" || name == "upgrade",
        10 => name == "connection" || name == "keep-alive",
        16 => name == "proxy-connection",
        17 => name == "transfer-encoding",
        _ => false,
    }
}

/// RFC 9110 §7.6.1: what the Connection header names goes with it.
pub(crate) fn is_named_by_connection(name: &HeaderName, headers: &HeaderMap) -> bool {
    headers.get_all(CONNECTION).iter().any(|value| {
        value.as_bytes().split(|byte| *byte == b',').any(|option| {
            let option = option.trim_ascii();
            option.eq_ignore_ascii_case(name.as_str().as_bytes())
        })
    })
}

/// Content-Length as the application set it.
#[derive(Debug, Default)]
struct DeclaredLength<'a>(Option<&'a HeaderValue>);

impl<'a> DeclaredLength<'a> {
    fn declare(&mut self, value: &'a HeaderValue) -> Result<(), Failure> {
        if self.0.is_some_and(|other| other != value) {
            return Err(Failure::Head("it has two Content-Lengths that differ"));
        }
        self.0 = Some(value);
        Ok(())
    }

    fn number(&self) -> Result<Option<u64>, Failure> {
        let Some(value) = self.0 else { return Ok(None) };
        decimal(value.as_bytes()).map(Some).ok_or(Failure::Head("its Content-Length is no number"))
    }
}

/// A number as text, without an allocation.
struct Decimal {
    digits: [u8; 20],
    start: usize,
}

impl Decimal {
    fn new(mut number: u64) -> Self {
        let mut digits = [b'0'; 20];
        let mut start = digits.len();
        loop {
            start -= 1;
            digits[start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return Self { digits, start };
            }
        }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.digits[self.start..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fcgi_core::Role;
    use http::Response;

    fn head(
        response: Response<()>,
        exact: Option<u64>,
        to_head: bool,
    ) -> Result<(String, ResponseBodyLength), String> {
        let hint = exact.map_or_else(SizeHint::default, SizeHint::with_exact);
        let mut out = Vec::new();
        let parts = response.into_parts().0;
        let call = ResponseContext { role: Role::RESPONDER, head_only: to_head };
        match write_head(&parts, &hint, call, &mut out) {
            Ok(framing) => Ok((String::from_utf8(out).unwrap(), framing)),
            Err(failure) => {
                assert_eq!(out, b"", "all of it is taken back");
                Err(failure.to_string())
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
    fn a_status_without_a_name_has_a_reason_all_the_same() {
        let response = Response::builder().status(799).body(()).unwrap();
        assert!(head(response, None, false).unwrap().0.starts_with("Status: 799 Unknown\r\n"));
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
            let (text, framing) = head(response, exact, false).unwrap();
            assert_eq!(framing, ResponseBodyLength::Body { length: expected });
            assert_eq!(text.matches("content-length").count(), usize::from(expected.is_some()), "{text}");
        }
    }

    #[test]
    fn head_204_and_304_have_no_body_nor_added_length() {
        let with =
            |status: u16| Response::builder().status(status).header("content-length", "5").body(()).unwrap();
        let without = |status: u16| Response::builder().status(status).body(()).unwrap();
        for (response, to_head, length) in [
            (without(200), true, None),
            (with(200), true, Some("5")),
            (without(304), false, None),
            (with(304), false, Some("5")),
            (without(204), false, None),
            (with(204), false, None),
        ] {
            let (text, framing) = head(response, Some(0), to_head).unwrap();
            assert_eq!(framing, ResponseBodyLength::NoBody);
            let line = length.map_or(String::new(), |length| format!("content-length: {length}\r\n"));
            assert_eq!(text.split_once("\r\n").unwrap().1, line + "\r\n", "{text}");
        }
    }

    #[test]
    fn an_authorizer_200_has_no_content_headers() {
        let authorizer = |to_head, status: u16| {
            let response = Response::builder()
                .status(status)
                .header("content-type", "text/plain")
                .header("content-length", "5")
                .header("Variable-AUTH_User", "alice")
                .header("x-other", "1")
                .header("connection", "close");
            let parts = response.body(()).unwrap().into_parts().0;
            let mut out = Vec::new();
            let call = ResponseContext { role: Role::AUTHORIZER, head_only: to_head };
            let framing = write_head(&parts, &SizeHint::with_exact(5), call, &mut out).unwrap();
            (String::from_utf8(out).unwrap(), framing)
        };
        let permission = "Status: 200 OK\r\nVariable-AUTH_USER: alice\r\nx-other: 1\r\n\r\n".to_owned();
        for to_head in [false, true] {
            assert_eq!(authorizer(to_head, 200), (permission.clone(), ResponseBodyLength::NoBody));
        }
        for status in [201, 403] {
            let (text, framing) = authorizer(false, status);
            assert_eq!(framing, ResponseBodyLength::Body { length: Some(5) });
            assert!(text.contains("content-type: text/plain\r\n") && text.contains("content-length: 5\r\n"));
            assert_eq!(authorizer(true, status).1, ResponseBodyLength::NoBody, "to HEAD");
        }
    }

    #[test]
    fn interim_statuses_and_upgrades_cannot_be_carried() {
        for status in [100, 101, 103] {
            let response = Response::builder().status(status).body(()).unwrap();
            assert!(head(response, None, false).is_err(), "{status}");
        }
    }

    #[test]
    fn a_content_length_that_makes_no_sense_is_an_error() {
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

    #[test]
    fn an_error_has_no_body_where_none_is_allowed() {
        let error = |asked| {
            let mut out = Vec::new();
            write_error(StatusCode::BAD_REQUEST, asked, &mut out);
            String::from_utf8(out).unwrap()
        };
        let head = "Status: 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 12\r\n\r\n";
        assert_eq!(error(ErrorBody::ForBody), head.to_owned() + "Bad Request\n");
        assert_eq!(error(ErrorBody::ForHead), head);
        assert_eq!(error(ErrorBody::Unknown), "Status: 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    }

    #[test]
    fn numbers_as_text() {
        for number in [0, 9, 10, 4_294_967_296, u64::MAX] {
            assert_eq!(Decimal::new(number).as_bytes(), number.to_string().as_bytes());
        }
    }
}
