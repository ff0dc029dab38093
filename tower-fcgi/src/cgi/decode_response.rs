//! Decodes a CGI head into the head of an [`http::Response`] (RFC 3875 §6).
//!
//! | CGI head | response |
//! | --- | --- |
//! | `Status: NNN Reason` | that status |
//! | `Location: /path` without `Status` | [`LocalRedirect`] in its extensions, and 302 for callers that ignore it |
//! | another `Location` without `Status` | 302 (§6.2.3) |
//! | neither | 200 |
//! | hop-by-hop headers (`Connection`, `Transfer-Encoding`, …) | nothing |
//! | other headers | the same, in order |
//!
//! Lines end with LF or CRLF (§6.2). Some programs send an HTTP status line (`HTTP/1.1 404 Not Found`) as the first line;
//! it sets the status. A head without lines is a 200, as in nginx.

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, LOCATION};
use http::uri::PathAndQuery;
use http::{Extensions, StatusCode};
use memchr::{memchr, memchr_iter};
use thiserror::Error;

use super::decimal::parse_decimal;
use super::hop_by_hop::{is_hop_by_hop, is_named_by_connection};

/// A local redirect (RFC 3875 §6.2.2): the web server responds with another path of the same server, without a redirect
/// of the client.
///
/// It is in the extensions of such a response, which is a 302 to that path. A caller that follows local redirects should
/// limit their number, and use GET.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalRedirect(pub PathAndQuery);

/// Why STDOUT does not begin with a valid head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum HeadError {
    #[error("it is missing")]
    Missing,
    #[error("it has no end")]
    Unterminated,
    #[error("it is longer than the limit")]
    TooLong,
    #[error("a line has no colon")]
    NoColon,
    #[error("a header name is invalid")]
    InvalidName,
    #[error("a header value contains a control character")]
    InvalidValue,
    #[error("it has too many headers")]
    TooManyHeaders,
    #[error("the status is not a three-digit number")]
    InvalidStatus,
    #[error("the status is 1xx")]
    InformationalStatus,
    #[error("it has two different statuses")]
    ConflictingStatus,
    #[error("Content-Length is not a number")]
    InvalidLength,
    #[error("it has two different values of Content-Length")]
    ConflictingLength,
}

/// The decoded head of a response.
#[derive(Debug)]
pub(crate) struct ResponseHead {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) extensions: Extensions,
    /// The body's length in bytes, if Content-Length declares it.
    pub(crate) length: Option<u64>,
}

/// Buffers a head until it is complete.
#[derive(Debug, Default)]
pub(crate) struct HeadParser {
    bytes: BytesMut,
    /// The head ends at or after this index, so the search continues here.
    searched: usize,
}

impl HeadParser {
    /// Whether no byte has been received.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The error of a response that ends before the end of its head.
    pub(crate) fn end(&self) -> HeadError {
        if self.is_empty() { HeadError::Missing } else { HeadError::Unterminated }
    }

    /// Buffers a chunk of STDOUT. Returns the head once it is complete, with the bytes of the body that follow it in
    /// this chunk.
    ///
    /// # Errors
    /// The head is invalid, or longer than `limit` bytes.
    pub(crate) fn push(
        &mut self,
        bytes: Bytes,
        limit: usize,
    ) -> Result<Option<(ResponseHead, Bytes)>, HeadError> {
        // Fast path: usually one chunk holds the complete head, which then need not be copied.
        if self.bytes.is_empty()
            && let Some(end) = end(&bytes, 0)
        {
            return whole(bytes, end, limit);
        }
        self.bytes.extend_from_slice(&bytes);
        if let Some(end) = end(&self.bytes, self.searched) {
            return whole(std::mem::take(&mut self.bytes).freeze(), end, limit);
        }
        self.searched = self.bytes.len().saturating_sub(2);
        if self.bytes.len() > limit { Err(HeadError::TooLong) } else { Ok(None) }
    }
}

/// Parses a head that ends at index `end`. Returns it with the bytes that follow it.
fn whole(mut bytes: Bytes, end: usize, limit: usize) -> Result<Option<(ResponseHead, Bytes)>, HeadError> {
    if end > limit {
        return Err(HeadError::TooLong);
    }
    let head = bytes.split_to(end);
    Ok(Some((parse(&head)?, bytes)))
}

/// The index after the empty line that ends a head (RFC 3875 §6.2). No head ends before `searched`.
fn end(bytes: &[u8], searched: usize) -> Option<usize> {
    if searched == 0 {
        match bytes {
            [b'\n', ..] => return Some(1),
            [b'\r', b'\n', ..] => return Some(2),
            _ => {}
        }
    }
    memchr_iter(b'\n', &bytes[searched..]).find_map(|at| {
        let at = searched + at + 1;
        match &bytes[at..] {
            [b'\n', ..] => Some(at + 1),
            [b'\r', b'\n', ..] => Some(at + 2),
            _ => None,
        }
    })
}

fn parse(head: &Bytes) -> Result<ResponseHead, HeadError> {
    let mut fields = HeadBuilder::default();
    let mut start = 0;
    for (number, end) in memchr_iter(b'\n', head).enumerate() {
        let line = &head[start..end];
        start = end + 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        fields.line(number, line, head)?;
    }
    fields.finish()
}

#[derive(Debug, Default)]
struct HeadBuilder {
    status: Option<StatusCode>,
    headers: HeaderMap,
    /// Whether any header is hop-by-hop.
    hop_by_hop: bool,
    location: bool,
    length: bool,
}

impl HeadBuilder {
    fn line(&mut self, number: usize, line: &[u8], head: &Bytes) -> Result<(), HeadError> {
        if number == 0 && line.starts_with(b"HTTP/") {
            let code = line.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
            return self.set_status(code);
        }
        let colon = memchr(b':', line).ok_or(HeadError::NoColon)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"status") {
            return self.set_status(value);
        }
        // Also rejects a continuation line: it begins with a space. Line folding is obsolete (RFC 9112 §5.2).
        let name = HeaderName::from_bytes(name).map_err(|_| HeadError::InvalidName)?;
        let value =
            HeaderValue::from_maybe_shared(head.slice_ref(value)).map_err(|_| HeadError::InvalidValue)?;
        self.hop_by_hop |= is_hop_by_hop(&name);
        self.location |= name == LOCATION;
        self.length |= name == CONTENT_LENGTH;
        self.headers.try_append(name, value).map_err(|_| HeadError::TooManyHeaders)?;
        Ok(())
    }

    fn set_status(&mut self, value: &[u8]) -> Result<(), HeadError> {
        let code = value.split(|byte| *byte == b' ').next().unwrap_or_default();
        let status = StatusCode::from_bytes(code).map_err(|_| HeadError::InvalidStatus)?;
        if status.is_informational() {
            // RFC 3875 §6.3.3 has no interim responses.
            return Err(HeadError::InformationalStatus);
        }
        match self.status.replace(status) {
            Some(other) if other != status => Err(HeadError::ConflictingStatus),
            _ => Ok(()),
        }
    }

    fn finish(mut self) -> Result<ResponseHead, HeadError> {
        let mut extensions = Extensions::new();
        let location = if self.location { self.headers.get(LOCATION) } else { None };
        let status = match (self.status, location) {
            (Some(status), _) => status,
            (None, None) => StatusCode::OK,
            (None, Some(location)) => {
                if let Some(path) = local_path(location) {
                    extensions.insert(LocalRedirect(path));
                }
                StatusCode::FOUND
            }
        };
        if self.hop_by_hop {
            let is_dropped =
                |name: &&HeaderName| is_hop_by_hop(name) || is_named_by_connection(name, &self.headers);
            let dropped: Vec<_> = self.headers.keys().filter(is_dropped).cloned().collect();
            for name in dropped {
                self.headers.remove(name);
            }
        }
        let length = if self.length { content_length(&mut self.headers)? } else { None };
        Ok(ResponseHead { status, headers: self.headers, extensions, length })
    }
}

/// The path of a local redirect (RFC 3875 §6.2.2). A path that starts with `//` is not one: a client that follows the 302
/// would take it for another host (RFC 3986 §4.2).
fn local_path(location: &HeaderValue) -> Option<PathAndQuery> {
    let bytes = location.as_bytes();
    let is_local = bytes.starts_with(b"/") && !bytes.starts_with(b"//");
    is_local.then(|| PathAndQuery::try_from(bytes).ok()).flatten()
}

/// Parses Content-Length. Equal repeated values are merged into one header; different ones are an error (RFC 9110 §8.6).
fn content_length(headers: &mut HeaderMap) -> Result<Option<u64>, HeadError> {
    let mut values = headers.get_all(CONTENT_LENGTH).iter();
    let Some(first) = values.next() else { return Ok(None) };
    let length = parse_decimal(first.as_bytes()).ok_or(HeadError::InvalidLength)?;
    if let Some(second) = values.next() {
        if second != first || values.any(|other| other != first) {
            return Err(HeadError::ConflictingLength);
        }
        let first = first.clone();
        headers.insert(CONTENT_LENGTH, first);
    }
    Ok(Some(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(head: &str) -> Result<(ResponseHead, Bytes), String> {
        let result = HeadParser::default().push(Bytes::copy_from_slice(head.as_bytes()), 1000);
        result.map(|head| head.expect("it is whole")).map_err(|kind| format!("{kind:?}"))
    }

    #[test]
    fn status_location_or_neither() {
        for (head, status, redirect) in [
            ("Status: 404 Not Found\r\n\r\n", 404, None),
            ("status:201\n\n", 201, None),
            ("Status: 999\r\nX: y\r\n\r\n", 999, None),
            ("Content-Type: text/html\n\n", 200, None),
            ("\r\n", 200, None),
            ("\n", 200, None),
            ("HTTP/1.1 403 Forbidden\r\nX: y\r\n\r\n", 403, None),
            ("Location: http://example.org/\r\n\r\n", 302, None),
            ("Location: /other?x=1\r\n\r\n", 302, Some("/other?x=1")),
            ("Location: //example.org/\r\n\r\n", 302, None),
            ("Location: /other\r\nStatus: 301 Moved\r\n\r\n", 301, None),
        ] {
            let (read, rest) = read(head).unwrap();
            assert_eq!((read.status.as_u16(), rest.len()), (status, 0), "{head:?}");
            let found = read.extensions.get::<LocalRedirect>().map(|local| local.0.as_str());
            assert_eq!(found, redirect, "{head:?}");
        }
    }

    #[test]
    fn headers_stay_in_order_and_those_between_peers_go() {
        let head = "Set-Cookie: a\r\nConnection: x-hop\r\nX-Hop: 1\r\nTransfer-Encoding: chunked\r\n\
            Set-Cookie:\t b \t\r\nX-Obs: \u{e9}\r\n\r\nbody";
        let (read, rest) = read(head).unwrap();
        let cookies: Vec<_> = read.headers.get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a", "b"]);
        assert_eq!((read.headers.len(), &rest[..]), (3, &b"body"[..]));
    }

    #[test]
    fn what_is_no_head_is_an_error() {
        for head in [
            "Status: abc\r\n\r\n",
            "Status: 20\r\n\r\n",
            "Status: 100 Continue\r\n\r\n",
            "Status: 200\r\nStatus: 500\r\n\r\n",
            "no colon\r\n\r\n",
            "X: y\r\n folded\r\n\r\n",
            "a b: c\r\n\r\n",
            ": c\r\n\r\n",
            "X: \u{1}\r\n\r\n",
            "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "Content-Length: -1\r\n\r\n",
        ] {
            assert!(read(head).is_err(), "{head:?}");
        }
    }

    #[test]
    fn whole_byte_by_byte_and_with_a_tail() {
        for head in ["Status: 201 Created\r\nContent-Length: 4\r\n\r\n", "Status: 201\nContent-Length: 4\n\n"]
        {
            for split in 0..head.len() {
                let mut partial = HeadParser::default();
                assert!(
                    partial.push(Bytes::copy_from_slice(&head.as_bytes()[..split]), 100).unwrap().is_none()
                );
                let tail = [&head.as_bytes()[split..], b"body"].concat();
                let (read, rest) = partial.push(tail.into(), 100).unwrap().unwrap();
                assert_eq!(
                    (read.status, read.length, &rest[..]),
                    (StatusCode::CREATED, Some(4), &b"body"[..])
                );
            }
            let mut partial = HeadParser::default();
            let last = head.bytes().filter_map(|byte| partial.push(vec![byte].into(), 100).unwrap()).count();
            assert_eq!(last, 1);
        }
    }

    #[test]
    fn a_head_without_an_end_is_refused_at_the_limit() {
        let mut partial = HeadParser::default();
        assert!(partial.push(vec![b'x'; 100].into(), 100).unwrap().is_none());
        assert!(partial.push(Bytes::from_static(b"x"), 100).is_err());
        let long = format!("X: {}\r\n\r\n", "y".repeat(100));
        assert!(HeadParser::default().push(long.into(), 100).is_err(), "also where it comes in one piece");
    }
}
