//! Decodes bytes into records.

use crate::error::ProtocolError;
use crate::record::RecordHeader;

/// Decodes a byte stream into records, without buffering their content (FastCGI §3.3).
///
/// Accepts slices of any size. The content of a record comes out as one or more [`Fragment`]s, each as long as the
/// slice allows, so that the bytes of a stream never wait for the end of their record.
///
/// ```
/// use fcgi_core::{RecordDecoder, RecordType};
/// let mut decoder = RecordDecoder::new();
/// let mut input = &b"\x01\x05\x00\x01\x00\x03\x01\x00ab"[..];
/// let fragment = decoder.next(&mut input)?.unwrap();
/// assert_eq!((fragment.header.kind, fragment.content), (RecordType::STDIN, &b"ab"[..]));
/// assert!(fragment.is_first && !fragment.is_last);
/// let mut input = &b"c\0"[..];
/// assert!(decoder.next(&mut input)?.unwrap().is_last);
/// assert!(decoder.next(&mut input)?.is_none() && input.is_empty());
/// # Ok::<_, fcgi_core::ProtocolError>(())
/// ```
#[derive(Debug)]
pub struct RecordDecoder {
    state: DecoderState,
}

#[derive(Debug)]
enum DecoderState {
    /// Before or inside a header: `bytes` holds the first `len` < 8 bytes of it.
    Header { bytes: [u8; RecordHeader::LEN], len: usize },
    /// Inside the content; `remaining` > 0.
    Content { header: RecordHeader, remaining: u16, is_first: bool },
    /// Inside the padding; `remaining` > 0.
    Padding { remaining: u8 },
}

/// A part of one record's content.
///
/// Printing records as they pass, with the parts of a long one:
///
/// ```
/// use fcgi_core::{Fragment, RecordDecoder};
/// fn print(part: Fragment<'_>) -> String {
///     let begin = if part.is_first { "" } else { "… " };
///     format!("{begin}{:?} {}: {} bytes", part.header.kind, part.header.id, part.content.len())
/// }
/// let part = RecordDecoder::new().next(&mut &b"\x01\x05\x00\x01\x00\x03\x00\x00ab"[..])?;
/// assert_eq!(part.map(print), Some("STDIN 1: 2 bytes".to_owned()));
/// # Ok::<_, fcgi_core::ProtocolError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fragment<'a> {
    /// The record's header.
    pub header: RecordHeader,
    /// Bytes of the content; empty only if the record has no content.
    pub content: &'a [u8],
    /// Whether this is the first fragment of the record.
    pub is_first: bool,
    /// Whether this fragment completes the content.
    pub is_last: bool,
}

/// A record at the front of some input.
pub(crate) struct WholeRecord<'a> {
    pub(crate) header: RecordHeader,
    pub(crate) content: &'a [u8],
    /// The input after the record.
    pub(crate) rest: &'a [u8],
}

/// Decodes the record at the front of `input`. `None` if it is not complete with its padding.
#[inline]
pub(crate) fn whole_record(input: &[u8]) -> Result<Option<WholeRecord<'_>>, ProtocolError> {
    let Some((header, rest)) = input.split_first_chunk() else { return Ok(None) };
    let header = RecordHeader::decode(*header)?;
    let Some((content, rest)) = rest.split_at_checked(header.content_len.into()) else { return Ok(None) };
    let rest = rest.get(usize::from(header.padding_len)..);
    Ok(rest.map(|rest| WholeRecord { header, content, rest }))
}

impl RecordDecoder {
    const START: DecoderState = DecoderState::Header { bytes: [0; RecordHeader::LEN], len: 0 };

    /// A decoder at the start of a record.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: Self::START }
    }

    /// Decodes the next fragment at the front of `input` and moves `input` past it. `None`: all of `input` was
    /// used, and more is needed.
    ///
    /// # Errors
    /// The error of [`RecordHeader::decode`], if the version in a header is not 1 (FastCGI §3.3). The start of the next record
    /// is then unknown, and further calls return garbage.
    #[inline]
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Fragment<'a>>, ProtocolError> {
        if input.is_empty() {
            return Ok(None);
        }
        if self.is_between_records()
            && let Some(WholeRecord { header, content, rest }) = whole_record(input)?
        {
            // Fast path: usually a read holds the complete record, and no state is needed.
            *input = rest;
            return Ok(Some(Fragment { header, content, is_first: true, is_last: true }));
        }
        self.next_partial(input)
    }

    /// As [`next`](Self::next), for records that arrive in parts.
    fn next_partial<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Fragment<'a>>, ProtocolError> {
        loop {
            match &mut self.state {
                DecoderState::Header { bytes, len } => {
                    let Some(header) = take_header(bytes, len, input) else { return Ok(None) };
                    let header = RecordHeader::decode(header)?;
                    if header.content_len == 0 {
                        self.state = after_content(header);
                        return Ok(Some(Fragment { header, content: &[], is_first: true, is_last: true }));
                    }
                    self.state =
                        DecoderState::Content { header, remaining: header.content_len, is_first: true };
                }
                DecoderState::Content { header, remaining, is_first } => {
                    if input.is_empty() {
                        return Ok(None);
                    }
                    let content = take(input, usize::from(*remaining));
                    // `content` has at most `remaining` bytes, so the conversion cannot fail.
                    *remaining = remaining.saturating_sub(u16::try_from(content.len()).unwrap_or(*remaining));
                    let fragment =
                        Fragment { header: *header, content, is_first: *is_first, is_last: *remaining == 0 };
                    *is_first = false;
                    if fragment.is_last {
                        self.state = after_content(fragment.header);
                    }
                    return Ok(Some(fragment));
                }
                DecoderState::Padding { remaining } => {
                    let skipped = take(input, usize::from(*remaining)).len();
                    *remaining = remaining.saturating_sub(u8::try_from(skipped).unwrap_or(*remaining));
                    if *remaining > 0 {
                        return Ok(None);
                    }
                    self.state = Self::START;
                }
            }
        }
    }

    /// Whether the input so far ends between two records, where the stream may end.
    #[must_use]
    pub const fn is_between_records(&self) -> bool {
        matches!(self.state, DecoderState::Header { len: 0, .. })
    }

    /// Whether the input so far ends inside a record's padding, after all of its content.
    #[must_use]
    pub const fn is_in_padding(&self) -> bool {
        matches!(self.state, DecoderState::Padding { .. })
    }

    /// The header of the record inside whose content the input so far ends, and the content bytes still to come.
    #[must_use]
    pub const fn current(&self) -> Option<(RecordHeader, u16)> {
        match self.state {
            DecoderState::Content { header, remaining, .. } => Some((header, remaining)),
            DecoderState::Header { .. } | DecoderState::Padding { .. } => None,
        }
    }
}

impl Default for RecordDecoder {
    fn default() -> Self {
        Self::new()
    }
}

const fn after_content(header: RecordHeader) -> DecoderState {
    match header.padding_len {
        0 => RecordDecoder::START,
        remaining => DecoderState::Padding { remaining },
    }
}

/// Takes a complete header: directly from `input`, or collected from several inputs in `bytes`.
fn take_header(
    bytes: &mut [u8; RecordHeader::LEN],
    len: &mut usize,
    input: &mut &[u8],
) -> Option<[u8; RecordHeader::LEN]> {
    if *len == 0
        && let Some((header, rest)) = input.split_first_chunk()
    {
        *input = rest;
        return Some(*header);
    }
    let missing = bytes.get_mut(*len..)?;
    let part = take(input, missing.len());
    missing.get_mut(..part.len())?.copy_from_slice(part);
    *len = len.saturating_add(part.len());
    (*len == RecordHeader::LEN).then_some(*bytes)
}

/// Takes up to `max` bytes from the front of `input`.
fn take<'a>(input: &mut &'a [u8], max: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at_checked(max).unwrap_or((*input, &[]));
    *input = rest;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{RecordType, RequestId};
    use alloc::vec;
    use alloc::vec::Vec;

    type Record = (RecordHeader, Vec<u8>);

    /// Decodes `chunks` and joins the fragments of each record.
    fn records<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Record>, ProtocolError> {
        let mut decoder = RecordDecoder::new();
        let mut records: Vec<Record> = Vec::new();
        let mut is_partial = false;
        for mut chunk in chunks {
            while let Some(fragment) = decoder.next(&mut chunk)? {
                assert_eq!(fragment.is_first, !is_partial);
                if fragment.is_first {
                    records.push((fragment.header, Vec::new()));
                }
                let (header, content) = records.last_mut().unwrap();
                assert_eq!(*header, fragment.header);
                content.extend_from_slice(fragment.content);
                is_partial = !fragment.is_last;
                assert_eq!(fragment.is_last, content.len() == usize::from(header.content_len));
            }
            assert!(chunk.is_empty(), "all input is used");
        }
        Ok(records)
    }

    fn wire(list: &[(u8, u16, usize, u8)]) -> (Vec<u8>, Vec<Record>) {
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
    fn records_decode_whole_by_byte_and_split_anywhere() {
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
    fn the_end_of_each_record_is_reported() {
        let (wire, _) = wire(&[(5, 1, 2, 1)]);
        let mut decoder = RecordDecoder::new();
        for (received, byte) in wire.chunks(1).enumerate() {
            assert_eq!(decoder.is_between_records(), received == 0, "after {received} bytes");
            let mut input = byte;
            while decoder.next(&mut input).unwrap().is_some() {}
        }
        assert!(decoder.is_between_records());
    }

    #[test]
    fn another_version_is_an_error() {
        let mut decoder = RecordDecoder::new();
        let mut input = &vec![2, 1, 0, 5, 0, 0, 0, 0][..];
        assert!(decoder.next(&mut input).is_err());
    }
}
