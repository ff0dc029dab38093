//! Decodes the bytes of one direction into records.

use std::collections::HashMap;

use fcgi_core::{NameValuePairs, RecordDecoder, RecordHeader, RecordType, RequestId};

/// An item in the bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    Record(Record),
    /// The bytes from this offset on are not a record. `bytes` are the first of them.
    Invalid {
        offset: u64,
        bytes: Vec<u8>,
    },
    /// The bytes end inside a record; `missing` bytes of its content are missing.
    Incomplete {
        header: Option<RecordHeader>,
        missing: usize,
    },
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) header: RecordHeader,
    pub(super) content: Vec<u8>,
    /// The pairs that this record completes, for types with pairs.
    pub(super) pairs: Option<Vec<Pair>>,
    /// Bytes at the end that belong to an incomplete pair.
    pub(super) rest: usize,
}

/// A name and its value.
pub(super) type Pair = (Vec<u8>, Vec<u8>);

pub(super) struct Decoder {
    decoder: RecordDecoder,
    /// Content of the current record.
    content: Vec<u8>,
    header: Option<RecordHeader>,
    /// The start of an incomplete pair, by request.
    pairs: HashMap<RequestId, Vec<u8>>,
    /// Bytes decoded so far.
    offset: u64,
    invalid: bool,
}

/// Longest incomplete pair that is buffered. Real pairs are shorter.
const MAX_PAIR: usize = 1024 * 1024;

impl Decoder {
    pub(super) fn new() -> Self {
        let decoder = RecordDecoder::new();
        Self { decoder, content: Vec::new(), header: None, pairs: HashMap::new(), offset: 0, invalid: false }
    }

    /// Whether the bytes contained an invalid record.
    pub(super) const fn is_invalid(&self) -> bool {
        self.invalid
    }

    /// Returns the next record with complete content, or `None` if more input is needed.
    pub(super) fn next(&mut self, input: &mut &[u8]) -> Option<Decoded> {
        while !self.invalid {
            let (before, available) = (*input, input.len());
            let fragment = self.decoder.next(input);
            let Ok(fragment) = fragment else {
                self.invalid = true;
                let bytes = before[..available.min(32)].to_vec();
                return Some(Decoded::Invalid { offset: self.offset, bytes });
            };
            self.offset += (available - input.len()) as u64;
            let fragment = fragment?;
            self.header = Some(fragment.header);
            self.content.extend_from_slice(fragment.content);
            if fragment.is_last {
                self.header = None;
                let content = std::mem::take(&mut self.content);
                return Some(Decoded::Record(self.record(fragment.header, content)));
            }
        }
        None
    }

    /// Returns the incomplete record at the end of the bytes, if any.
    pub(super) fn end(&self) -> Option<Decoded> {
        if self.invalid || self.decoder.is_between_records() || self.decoder.is_in_padding() {
            return None;
        }
        let missing = self.header.map_or(0, |header| usize::from(header.content_len) - self.content.len());
        Some(Decoded::Incomplete { header: self.header, missing })
    }

    fn record(&mut self, header: RecordHeader, content: Vec<u8>) -> Record {
        let (pairs, rest) = match header.kind {
            RecordType::PARAMS => {
                let mut pending = self.pairs.remove(&header.id).unwrap_or_default();
                pending.extend_from_slice(&content);
                let (pairs, rest) = pairs(&pending);
                let rest = pending.split_off(pending.len() - rest);
                let length = rest.len();
                if (1..MAX_PAIR).contains(&length) && !content.is_empty() {
                    self.pairs.insert(header.id, rest);
                }
                (Some(pairs), length)
            }
            RecordType::GET_VALUES | RecordType::GET_VALUES_RESULT => {
                let (pairs, rest) = pairs(&content);
                (Some(pairs), rest)
            }
            _ => (None, 0),
        };
        Record { header, content, pairs, rest }
    }
}

/// Returns the complete pairs, and the number of bytes after them.
fn pairs(bytes: &[u8]) -> (Vec<Pair>, usize) {
    let (mut pairs, mut complete) = (NameValuePairs::new(bytes), Vec::new());
    loop {
        let before = pairs.rest().len();
        match pairs.next() {
            Some(Ok((name, value))) => complete.push((name.to_vec(), value.to_vec())),
            Some(Err(_)) => return (complete, before),
            None => return (complete, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fcgi_core::RecordEncoder;

    fn bytes() -> Vec<u8> {
        let (mut out, id) = (RecordEncoder::new(), RequestId(1));
        out.write_record(RecordType::PARAMS, id, b"\x03\x03FO");
        out.write_record(RecordType::PARAMS, id, b"Obar\x01\x00X");
        out.write_stream_end(RecordType::PARAMS, id);
        out.slices().collect::<Vec<_>>().concat()
    }

    #[test]
    fn a_split_pair_belongs_to_its_last_record() {
        for size in 1..=bytes().len() {
            let mut decoder = Decoder::new();
            let mut records = Vec::new();
            for mut chunk in bytes().chunks(size) {
                while let Some(Decoded::Record(record)) = decoder.next(&mut chunk) {
                    records.push((record.pairs.unwrap(), record.rest));
                }
            }
            let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
            let second = vec![pair("FOO", "bar"), pair("X", "")];
            assert_eq!(records, [(vec![], 4), (second, 0), (vec![], 0)]);
            assert_eq!(decoder.end(), None);
        }
    }

    #[test]
    fn invalid_and_incomplete_records_are_reported() {
        let mut decoder = Decoder::new();
        let text = [&b"\x01\x06\0\x01\0\0\0\0"[..], b"HTTP/1.1 400 Bad Request"].concat();
        let mut input = &text[..];
        assert!(matches!(decoder.next(&mut input), Some(Decoded::Record(_))));
        let invalid = decoder.next(&mut input);
        assert!(
            matches!(&invalid, Some(Decoded::Invalid { offset: 8, bytes }) if bytes.starts_with(b"HTTP/1.1")),
            "{invalid:?}"
        );
        assert_eq!(decoder.next(&mut input), None);

        let mut decoder = Decoder::new();
        assert_eq!(decoder.next(&mut &b"\x01\x06\0\x01\0\x05\0\0abc"[..]), None);
        assert!(matches!(decoder.end(), Some(Decoded::Incomplete { header: Some(_), missing: 2 })));
    }
}
