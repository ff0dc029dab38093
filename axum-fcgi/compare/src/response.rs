//! Parses responses only as far as a check of their size needs, since the load must be cheaper than the application.

use std::io;

use crate::application::Protocol;

// FastCGI §8.
const END_REQUEST: u8 = 3;
const STDOUT: u8 = 6;
const HEADER: usize = 8;

/// A connection's response parser.
#[derive(Debug)]
pub(crate) enum ResponseParser {
    FastCgi(RecordParser),
    Http(MessageParser),
}

/// A complete response.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Response {
    /// The index of its request among those in flight on this connection.
    pub(crate) slot: usize,
    /// Bytes of the head and the body. All correct responses to one request have the same size.
    pub(crate) bytes: usize,
}

impl ResponseParser {
    pub(crate) fn new(protocol: Protocol, in_flight: usize) -> Self {
        match protocol {
            Protocol::FastCgi => {
                Self::FastCgi(RecordParser { bytes: vec![0; in_flight], ..RecordParser::default() })
            }
            Protocol::Http => Self::Http(MessageParser::default()),
        }
    }

    /// Parses received bytes and reports each complete response.
    ///
    /// # Errors
    /// The bytes are not a response, or not one to a request in flight.
    pub(crate) fn receive(
        &mut self,
        bytes: &[u8],
        on_response: impl FnMut(Response) -> io::Result<()>,
    ) -> io::Result<()> {
        match self {
            Self::FastCgi(records) => records.receive(bytes, on_response),
            Self::Http(message) => message.receive(bytes, on_response),
        }
    }
}

/// FastCGI: the state of the current record, and the size of each response so far.
#[derive(Debug, Default)]
pub(crate) struct RecordParser {
    header: [u8; HEADER],
    header_bytes: usize,
    /// Content bytes that the current record still lacks.
    content: usize,
    /// Padding bytes that the current record still lacks.
    padding: usize,
    /// The bytes of END_REQUEST's statuses, combined: 0 means success.
    status: u8,
    /// STDOUT bytes of each request so far.
    bytes: Vec<usize>,
}

impl RecordParser {
    fn receive(
        &mut self,
        mut bytes: &[u8],
        mut on_response: impl FnMut(Response) -> io::Result<()>,
    ) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.header_bytes < HEADER {
                let part = take(&mut bytes, HEADER - self.header_bytes);
                self.header[self.header_bytes..][..part.len()].copy_from_slice(part);
                self.header_bytes += part.len();
                let [_, _, _, _, high, low, padding, _] = self.header;
                self.content = usize::from(u16::from_be_bytes([high, low]));
                self.padding = usize::from(padding);
                if self.header_bytes < HEADER {
                    return Ok(());
                }
            }
            let [_, kind, high, low, ..] = self.header;
            let slot = usize::from(u16::from_be_bytes([high, low])).wrapping_sub(1);
            let content = take(&mut bytes, self.content);
            self.content -= content.len();
            match (kind, self.bytes.get_mut(slot)) {
                (STDOUT, Some(received)) => *received += content.len(),
                (END_REQUEST, Some(_)) => self.status |= content.iter().fold(0, |bits, byte| bits | byte),
                _ => return Err(unexpected("unexpected record", &self.header)),
            }
            self.padding -= take(&mut bytes, self.padding).len();
            if self.content > 0 || self.padding > 0 {
                return Ok(());
            }
            self.header_bytes = 0;
            if kind == END_REQUEST {
                if self.status != 0 {
                    return Err(io::Error::other("END_REQUEST reports a failure"));
                }
                on_response(Response { slot, bytes: std::mem::take(&mut self.bytes[slot]) })?;
            }
        }
        Ok(())
    }
}

/// HTTP/1.1: a head with a Content-Length, then the body.
#[derive(Debug, Default)]
pub(crate) struct MessageParser {
    head: Vec<u8>,
    /// Bytes of the body that are still missing, once the head is complete.
    remaining: Option<usize>,
    bytes: usize,
}

impl MessageParser {
    fn receive(
        &mut self,
        mut bytes: &[u8],
        mut on_response: impl FnMut(Response) -> io::Result<()>,
    ) -> io::Result<()> {
        while !bytes.is_empty() {
            let remaining = match self.remaining {
                Some(remaining) => remaining,
                None => {
                    let before = self.head.len();
                    self.head.extend_from_slice(bytes);
                    let from = before.saturating_sub(3);
                    let end = self.head[from..].windows(4).position(|four| four == b"\r\n\r\n");
                    let Some(end) = end.map(|end| from + end + 4) else { return Ok(()) };
                    bytes = &bytes[end - before..];
                    self.head.truncate(end);
                    self.bytes = end;
                    let length = content_length(&self.head)?;
                    self.head.clear();
                    length
                }
            };
            let body = take(&mut bytes, remaining).len();
            self.bytes += body;
            self.remaining = Some(remaining - body);
            if remaining == body {
                self.remaining = None;
                on_response(Response { slot: 0, bytes: self.bytes })?;
            }
        }
        Ok(())
    }
}

fn content_length(head: &[u8]) -> io::Result<usize> {
    let name = b"\r\ncontent-length: ";
    let at = head.windows(name.len()).position(|window| window == name);
    let digits = at.map_or(&[][..], |at| &head[at + name.len()..]);
    let digits = digits.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let length = str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    length.ok_or_else(|| unexpected("missing Content-Length", head))
}

fn take<'a>(bytes: &mut &'a [u8], max: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(max.min(bytes.len()));
    *bytes = rest;
    taken
}

/// An error that quotes the received bytes.
pub(crate) fn unexpected(message: &str, received: &[u8]) -> io::Error {
    let start = &received[..received.len().min(400)];
    io::Error::other(format!("{message}: {}", start.escape_ascii()))
}
