//! Bytes to records.

use crate::error::ProtocolError;
use crate::record::RecordHeader;

/// Cuts a byte stream into records, without keeping any of their content (FastCGI §3.3).
///
/// Takes slices of any size. A record's content comes out as one or more [`Fragment`]s, each as long as the
/// slice allows, so that a stream's bytes never wait for the end of their record.
///
/// ```
/// use fcgi_core::{Deframer, RecordType};
/// let mut deframer = Deframer::new();
/// let mut input = &b"\x01\x05\x00\x01\x00\x03\x01\x00ab"[..];
/// let fragment = deframer.next(&mut input)?.unwrap();
/// assert_eq!((fragment.header.kind, fragment.content), (RecordType::STDIN, &b"ab"[..]));
/// assert!(fragment.starts && !fragment.ends);
/// let mut input = &b"c\0"[..];
/// assert!(deframer.next(&mut input)?.unwrap().ends);
/// assert!(deframer.next(&mut input)?.is_none() && input.is_empty());
/// # Ok::<_, fcgi_core::Violation>(())
/// ```
#[derive(Debug)]
pub struct RecordDecoder {
    state: State,
}

#[derive(Debug)]
enum State {
    /// Before or inside a header; `have` < 8 bytes of it are in `bytes`.
    Header { bytes: [u8; RecordHeader::LEN], have: usize },
    /// Inside the content; `left` > 0.
    Content { header: RecordHeader, left: u16, starts: bool },
    /// Inside the padding; `left` > 0.
    Padding { left: u8 },
}

/// A piece of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// The record's header.
    pub header: RecordHeader,
    /// Bytes of its content; empty only where the record's content is.
    pub content: &'a [u8],
    /// Whether this is the record's first piece.
    pub is_first: bool,
    /// Whether the content is complete with this piece.
    pub is_last: bool,
}

impl RecordDecoder {
    const START: State = State::Header { bytes: [0; RecordHeader::LEN], have: 0 };

    /// At the start of a record.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: Self::START }
    }

    /// The next piece at the front of `input`, which is moved past it. `None`: all of `input` was used, and
    /// more is needed.
    ///
    /// # Errors
    /// A header of another version than 1. Nobody knows where the next record begins then: what further calls
    /// give means nothing.
    #[inline]
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Fragment<'a>>, ProtocolError> {
        if self.is_between_records()
            && let Some((header, rest)) = input.split_first_chunk()
        {
            // Mostly a record lies whole in what was read: nothing of it need be kept in mind then.
            let header = RecordHeader::decode(*header)?;
            let content_len = usize::from(header.content_len);
            if let Some((content, rest)) = rest.split_at_checked(content_len)
                && let Some((_, rest)) = rest.split_at_checked(header.padding_len.into())
            {
                *input = rest;
                return Ok(Some(Fragment { header, content, is_first: true, is_last: true }));
            }
        }
        self.next_piece(input)
    }

    /// As [`next`](Self::next), of records in pieces.
    fn next_piece<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Fragment<'a>>, ProtocolError> {
        loop {
            match &mut self.state {
                State::Header { bytes, have } => {
                    let Some(header) = take_header(bytes, have, input) else { return Ok(None) };
                    let header = RecordHeader::decode(header)?;
                    if header.content_len == 0 {
                        self.state = after_content(header);
                        return Ok(Some(Fragment { header, content: &[], is_first: true, is_last: true }));
                    }
                    self.state = State::Content { header, left: header.content_len, starts: true };
                }
                State::Content { header, left, starts } => {
                    if input.is_empty() {
                        return Ok(None);
                    }
                    let content = take(input, usize::from(*left));
                    // `take` gives at most `left` bytes, so the conversion holds.
                    *left = left.saturating_sub(u16::try_from(content.len()).unwrap_or(*left));
                    let fragment =
                        Fragment { header: *header, content, is_first: *starts, is_last: *left == 0 };
                    *starts = false;
                    if fragment.is_last {
                        self.state = after_content(fragment.header);
                    }
                    return Ok(Some(fragment));
                }
                State::Padding { left } => {
                    let skipped = take(input, usize::from(*left)).len();
                    *left = left.saturating_sub(u8::try_from(skipped).unwrap_or(*left));
                    if *left > 0 {
                        return Ok(None);
                    }
                    self.state = Self::START;
                }
            }
        }
    }

    /// Whether the stream stands between two records, where it may end.
    #[must_use]
    pub const fn is_between_records(&self) -> bool {
        matches!(self.state, State::Header { have: 0, .. })
    }

    /// Whether the stream stands inside a record's padding, all of its content being known.
    #[must_use]
    pub const fn is_in_padding(&self) -> bool {
        matches!(self.state, State::Padding { .. })
    }

    /// The record that the stream stands in, and how many bytes of its content are still to come.
    #[must_use]
    pub const fn current(&self) -> Option<(RecordHeader, u16)> {
        match self.state {
            State::Content { header, left, .. } => Some((header, left)),
            State::Header { .. } | State::Padding { .. } => None,
        }
    }
}

impl Default for RecordDecoder {
    fn default() -> Self {
        Self::new()
    }
}

const fn after_content(header: RecordHeader) -> State {
    match header.padding_len {
        0 => RecordDecoder::START,
        left => State::Padding { left },
    }
}

/// A whole header: from `input` alone where it holds one, else gathered over several inputs.
fn take_header(
    bytes: &mut [u8; RecordHeader::LEN],
    have: &mut usize,
    input: &mut &[u8],
) -> Option<[u8; RecordHeader::LEN]> {
    if *have == 0
        && let Some((whole, rest)) = input.split_first_chunk()
    {
        *input = rest;
        return Some(*whole);
    }
    let room = bytes.get_mut(*have..)?;
    let part = take(input, room.len());
    room.get_mut(..part.len())?.copy_from_slice(part);
    *have = have.saturating_add(part.len());
    (*have == RecordHeader::LEN).then_some(*bytes)
}

/// Up to `most` bytes from the front of `input`.
fn take<'a>(input: &mut &'a [u8], most: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at_checked(most).unwrap_or((*input, &[]));
    *input = rest;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{RecordType, RequestId};
    use alloc::vec;
    use alloc::vec::Vec;

    type Whole = (RecordHeader, Vec<u8>);

    /// Feeds `chunks` and puts fragments together to records.
    fn records<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Whole>, ProtocolError> {
        let mut deframer = RecordDecoder::new();
        let mut records: Vec<Whole> = Vec::new();
        let mut open = false;
        for mut chunk in chunks {
            while let Some(fragment) = deframer.next(&mut chunk)? {
                assert_eq!(fragment.is_first, !open);
                if fragment.is_first {
                    records.push((fragment.header, Vec::new()));
                }
                let (header, content) = records.last_mut().unwrap();
                assert_eq!(*header, fragment.header);
                content.extend_from_slice(fragment.content);
                open = !fragment.is_last;
                assert_eq!(fragment.is_last, content.len() == usize::from(header.content_len));
            }
            assert!(chunk.is_empty(), "all input is used");
        }
        Ok(records)
    }

    fn wire(list: &[(u8, u16, usize, u8)]) -> (Vec<u8>, Vec<Whole>) {
        let mut wire = Vec::new();
        let mut expected = Vec::new();
        for &(kind, id, content, padding_len) in list {
            let header = RecordHeader {
                kind: RecordType(kind),
                id: RequestId(id),
                content_len: u16::try_from(content).unwrap(),
                padding_len,
            };
            let content: Vec<u8> = (0..=250).cycle().take(content).collect();
            wire.extend_from_slice(&header.encode());
            wire.extend_from_slice(&content);
            wire.extend(core::iter::repeat_n(0xee, padding_len.into()));
            expected.push((header, content));
        }
        (wire, expected)
    }

    #[test]
    fn whole_byte_by_byte_and_split_anywhere() {
        let (wire, expected) = wire(&[
            (1, 1, 8, 0),
            (4, 1, 300, 4),
            (4, 1, 0, 0),
            (5, 65_535, 1, 255),
            (5, 1, 0, 7),
            (99, 0, 3, 0),
        ]);
        assert_eq!(records([&wire[..]]).unwrap(), expected);
        assert_eq!(records(wire.chunks(1)).unwrap(), expected);
        for at in 0..wire.len() {
            let (a, b) = wire.split_at(at);
            assert_eq!(records([a, b]).unwrap(), expected, "split at {at}");
        }
    }

    #[test]
    fn every_padding_and_the_longest_content() {
        for padding in 0..=255 {
            let (wire, expected) = wire(&[(5, 1, 65_535, padding), (5, 1, 0, padding)]);
            assert_eq!(records(wire.chunks(8191)).unwrap(), expected);
        }
    }

    #[test]
    fn it_knows_whether_it_stands_between_records() {
        let (wire, _) = wire(&[(5, 1, 2, 1)]);
        let mut deframer = RecordDecoder::new();
        for (fed, byte) in wire.chunks(1).enumerate() {
            assert_eq!(deframer.is_between_records(), fed == 0, "after {fed} bytes");
            let mut input = byte;
            while deframer.next(&mut input).unwrap().is_some() {}
        }
        assert!(deframer.is_between_records());
    }

    #[test]
    fn another_version_is_refused_with_its_header() {
        let mut deframer = RecordDecoder::new();
        let mut input = &vec![2, 1, 0, 5, 0, 0, 0, 0][..];
        assert!(deframer.next(&mut input).is_err());
    }
}
