//! Decodes a CGI head into the head of an [`http::Response`] (RFC 3875 §6).
//!
//! | CGI head | response |
//! | --- | --- |
//! | `Status: NNN Reason` | that status; the first one counts |
//! | a reason that is not the standard one | [`ReasonPhrase`] in its extensions |
//! | `HTTP/1.1 NNN Reason` as the first line, without `Status` | that status |
//! | `Location: /path` without `Status` | [`LocalRedirect`] in its extensions, and 302 for callers that ignore it |
//! | another `Location` without `Status` | 302 (§6.2.3) |
//! | neither | 200 |
//! | hop-by-hop headers (`Connection`, `Transfer-Encoding`, …) | nothing |
//! | `Content-Length` of a 204 or 304, which have no content (RFC 9110 §8.6) | nothing |
//! | headers that HTTP cannot carry | nothing, and [`DroppedHeaders`] |
//! | other headers | the same, in order |
//!
//! Lines end with LF or CRLF (§6.2). A head without lines is a 200, as in nginx. Other lines that begin with `HTTP/` are
//! ignored, as in nginx.

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, LOCATION};
use http::uri::PathAndQuery;
use http::{Extensions, StatusCode};
use memchr::{memchr, memchr_iter};
use thiserror::Error;

use super::decimal::parse_decimal;
use super::hop_by_hop::{is_hop_by_hop, is_named_by_connection};
use super::reason_phrase::ReasonPhrase;
use super::whitespace::trim_ows;

/// A local redirect (RFC 3875 §6.2.2): the web server responds with another path of the same server, without a redirect
/// of the client.
///
/// It is in the extensions of such a response, which is a 302 to that path. A caller that follows local redirects should
/// limit their number, and use GET.
///
/// ```
/// use http::Response;
/// use tower_fcgi::client::{LocalRedirect, ResponseBody};
///
/// /// The path to request next, instead of sending this response to the client.
/// fn next_path(response: &Response<ResponseBody>) -> Option<&str> {
///     let LocalRedirect(path) = response.extensions().get()?;
///     Some(path.as_str())
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
    #[error("a header continues in the next line")]
    Folded,
    #[error("it has too many headers")]
    TooManyHeaders,
    #[error("the status is not a three-digit number")]
    InvalidStatus,
    #[error("the status is 1xx")]
    InformationalStatus,
    #[error("it has two statuses")]
    DuplicateStatus,
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
    /// The headers that HTTP cannot carry.
    pub(crate) dropped: Option<DroppedHeaders>,
}

/// Headers that were left out, for the log.
#[derive(Debug)]
pub(crate) struct DroppedHeaders {
    /// The name of the first one, escaped and bounded.
    pub(crate) name: Box<str>,
    /// What is wrong with it.
    pub(crate) error: HeadError,
    pub(crate) count: usize,
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
        fields.line(number, line, head, matches!(head.get(start), Some(b' ' | b'\t')))?;
    }
    fields.finish()
}

#[derive(Debug, Default)]
struct HeadBuilder {
    status: Option<Status>,
    /// The status of the first line, if that is an HTTP status line.
    status_line: Option<Status>,
    headers: HeaderMap,
    /// Whether any header is hop-by-hop.
    hop_by_hop: bool,
    location: bool,
    length: bool,
    dropped: Option<DroppedHeaders>,
}

#[derive(Debug)]
struct Status {
    code: StatusCode,
    reason: Option<ReasonPhrase>,
}

impl HeadBuilder {
    /// Adds a line. `folded`: the next line is its continuation (RFC 9112 §5.2), which CGI does not have.
    fn line(&mut self, number: usize, line: &[u8], head: &Bytes, folded: bool) -> Result<(), HeadError> {
        if line.starts_with(b"HTTP/") {
            let status = line.splitn(2, |byte| *byte == b' ').nth(1).unwrap_or_default();
            if number == 0 {
                self.status_line = parse_status(status, head).ok();
            }
            return Ok(());
        }
        if let (1.., b' ' | b'\t') = (number, line[0]) {
            // The header before was dropped for it.
            return Ok(());
        }
        let Some(colon) = memchr(b':', line) else {
            self.drop_header(line, HeadError::NoColon);
            return Ok(());
        };
        // RFC 9112 §5.1: a proxy removes whitespace before the colon from a response.
        let (name, value) = (line[..colon].trim_ascii_end(), line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"status") {
            return self.set_status(value, head);
        }
        match header(name, value, head) {
            Ok(_) if folded => self.drop_header(name, HeadError::Folded),
            Ok((name, value)) => self.append(name, value)?,
            Err(error) => self.drop_header(name, error),
        }
        Ok(())
    }

    fn append(&mut self, name: HeaderName, value: HeaderValue) -> Result<(), HeadError> {
        self.hop_by_hop |= is_hop_by_hop(&name);
        self.location |= name == LOCATION;
        self.length |= name == CONTENT_LENGTH;
        self.headers.try_append(name, value).map_err(|_| HeadError::TooManyHeaders)?;
        Ok(())
    }

    fn set_status(&mut self, value: &[u8], head: &Bytes) -> Result<(), HeadError> {
        if self.status.is_some() {
            self.drop_header(b"Status", HeadError::DuplicateStatus);
        } else {
            self.status = Some(parse_status(value, head)?);
        }
        Ok(())
    }

    #[cold]
    fn drop_header(&mut self, name: &[u8], error: HeadError) {
        match &mut self.dropped {
            Some(dropped) => dropped.count += 1,
            None => {
                let name = name.get(..MAX_SHOWN_NAME).unwrap_or(name).escape_ascii().to_string().into();
                self.dropped = Some(DroppedHeaders { name, error, count: 1 });
            }
        }
    }

    fn finish(mut self) -> Result<ResponseHead, HeadError> {
        let status = self.status.take().or(self.status_line.take());
        if let Some(dropped) = &self.dropped
            && status.is_none()
            && self.headers.is_empty()
        {
            // Not a single valid line: this is no head.
            return Err(dropped.error);
        }
        let mut extensions = Extensions::new();
        let location = if self.location { self.headers.get(LOCATION) } else { None };
        let status = match (status, location) {
            (Some(Status { code, reason }), _) => {
                reason.and_then(|reason| extensions.insert(reason));
                code
            }
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
        let length = if self.length { self.content_length(status)? } else { None };
        Ok(ResponseHead { status, headers: self.headers, extensions, length, dropped: self.dropped })
    }

    /// Parses Content-Length. Equal repeated values are merged into one header; different ones are an error (RFC 9110
    /// §8.6).
    fn content_length(&mut self, status: StatusCode) -> Result<Option<u64>, HeadError> {
        if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            // A 204 must not have it, and a 304 need not. hyper panics in debug builds if an empty body has another length.
            self.headers.remove(CONTENT_LENGTH);
            return Ok(None);
        }
        let mut values = self.headers.get_all(CONTENT_LENGTH).iter();
        let Some(first) = values.next() else { return Ok(None) };
        if values.any(|other| other != first) {
            return Err(HeadError::ConflictingLength);
        }
        let first = first.clone();
        let length = parse_decimal(first.as_bytes());
        if length.is_none() {
            self.headers.remove(CONTENT_LENGTH);
            self.drop_header(CONTENT_LENGTH.as_str().as_bytes(), HeadError::InvalidLength);
        } else if self.headers.get_all(CONTENT_LENGTH).iter().nth(1).is_some() {
            self.headers.insert(CONTENT_LENGTH, first);
        }
        Ok(length)
    }
}

/// The most bytes of a name in the log.
const MAX_SHOWN_NAME: usize = 64;

fn header(name: &[u8], value: &[u8], head: &Bytes) -> Result<(HeaderName, HeaderValue), HeadError> {
    let name = HeaderName::from_bytes(name).map_err(|_| HeadError::InvalidName)?;
    let value = HeaderValue::from_maybe_shared(head.slice_ref(value)).map_err(|_| HeadError::InvalidValue)?;
    Ok((name, value))
}

/// Parses a status and its reason. As in nginx, the status is the first three bytes; but not of a longer number, which
/// would make an invalid status line.
fn parse_status(value: &[u8], head: &Bytes) -> Result<Status, HeadError> {
    let (code, reason) = value.split_at_checked(3).ok_or(HeadError::InvalidStatus)?;
    if reason.first().is_some_and(u8::is_ascii_digit) {
        return Err(HeadError::InvalidStatus);
    }
    let code = StatusCode::from_bytes(code).map_err(|_| HeadError::InvalidStatus)?;
    if code.is_informational() {
        // RFC 3875 §6.3.3 has no interim responses.
        return Err(HeadError::InformationalStatus);
    }
    let reason = trim_ows(reason);
    let is_own = !reason.is_empty() && code.canonical_reason().is_none_or(|text| text.as_bytes() != reason);
    let reason = if is_own { ReasonPhrase::try_from(head.slice_ref(reason)).ok() } else { None };
    Ok(Status { code, reason })
}

/// The path of a local redirect (RFC 3875 §6.2.2). A path that starts with `//` is not one: a client that follows the 302
/// would take it for another host (RFC 3986 §4.2).
fn local_path(location: &HeaderValue) -> Option<PathAndQuery> {
    let bytes = location.as_bytes();
    let is_local = bytes.starts_with(b"/") && !bytes.starts_with(b"//");
    is_local.then(|| PathAndQuery::try_from(bytes).ok()).flatten()
}

#[cfg(test)]
mod tests;
