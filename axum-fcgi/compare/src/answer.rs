//! Reading answers: as little of them as tells that they are right, since the load has to be the cheaper end.

use std::io;

use crate::application::Protocol;

// FastCGI §8.
const END_REQUEST: u8 = 3;
const STDOUT: u8 = 6;
const HEADER: usize = 8;

/// What a connection has received.
#[derive(Debug)]
pub(crate) enum Answers {
    FastCgi(Records),
    Http(Message),
}

/// An answer that is over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Which of the requests under way on this connection it belongs to, from 0.
    pub(crate) slot: usize,
    /// Bytes of its head and its body. The answers to one request are all of one size, if they are right.
    pub(crate) bytes: usize,
}

impl Answers {
    pub(crate) fn new(protocol: Protocol, in_flight: usize) -> Self {
        match protocol {
            Protocol::FastCgi => Self::FastCgi(Records { bytes: vec![0; in_flight], ..Records::default() }),
            Protocol::Http => Self::Http(Message::default()),
        }
    }

    /// Takes what was received, and tells each answer that is over with it.
    ///
    /// # Errors
    /// What is received is no answer, or not one to what was asked.
    pub(crate) fn receive(
        &mut self,
        bytes: &[u8],
        over: impl FnMut(Answer) -> io::Result<()>,
    ) -> io::Result<()> {
        match self {
            Self::FastCgi(records) => records.receive(bytes, over),
            Self::Http(message) => message.receive(bytes, over),
        }
    }
}

/// FastCGI: where the next record stands, and how much of each answer came.
#[derive(Debug, Default)]
pub(crate) struct Records {
    header: [u8; HEADER],
    header_bytes: usize,
    /// Of the record that the header belongs to.
    content: usize,
    padding: usize,
    /// The status in END_REQUEST, whose bytes are all 0 if all is well.
    status: u8,
    /// STDOUT so far, for each request.
    bytes: Vec<usize>,
}

impl Records {
    fn receive(
        &mut self,
        mut bytes: &[u8],
        mut over: impl FnMut(Answer) -> io::Result<()>,
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
                (END_REQUEST, Some(_)) => self.status |= content.iter().fold(0, |all, byte| all | byte),
                _ => return Err(wrong("a record that was not expected", &self.header)),
            }
            self.padding -= take(&mut bytes, self.padding).len();
            if self.content > 0 || self.padding > 0 {
                return Ok(());
            }
            self.header_bytes = 0;
            if kind == END_REQUEST {
                if self.status != 0 {
                    return Err(io::Error::other("END_REQUEST tells of a failure"));
                }
                over(Answer { slot, bytes: std::mem::take(&mut self.bytes[slot]) })?;
            }
        }
        Ok(())
    }
}

/// HTTP/1.1: a head with a Content-Length, then the body.
#[derive(Debug, Default)]
pub(crate) struct Message {
    head: Vec<u8>,
    /// Bytes of the body that are still to come, once the head is there.
    left: Option<usize>,
    bytes: usize,
}

impl Message {
    fn receive(
        &mut self,
        mut bytes: &[u8],
        mut over: impl FnMut(Answer) -> io::Result<()>,
    ) -> io::Result<()> {
        while !bytes.is_empty() {
            let left = match self.left {
                Some(left) => left,
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
            let body = take(&mut bytes, left).len();
            self.bytes += body;
            self.left = Some(left - body);
            if left == body {
                self.left = None;
                over(Answer { slot: 0, bytes: self.bytes })?;
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
    length.ok_or_else(|| wrong("no Content-Length", head))
}

fn take<'a>(bytes: &mut &'a [u8], most: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(most.min(bytes.len()));
    *bytes = rest;
    taken
}

/// An error that shows what was received.
pub(crate) fn wrong(what: &str, received: &[u8]) -> io::Error {
    let start = &received[..received.len().min(400)];
    io::Error::other(format!("{what}: {}", start.escape_ascii()))
}
