//! Bytes of one direction to records.

use std::collections::HashMap;

use fcgi_core::{NameValuePairs, RecordDecoder, RecordHeader, RecordType, RequestId};

/// What is in the bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    Record(Record),
    /// From this offset on it is no FastCGI. The bytes there, as far as they are known.
    Lost {
        offset: u64,
        bytes: Vec<u8>,
    },
    /// The bytes end inside a record, so many of its content too early.
    Cut {
        header: Option<RecordHeader>,
        missing: usize,
    },
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) header: RecordHeader,
    pub(super) content: Vec<u8>,
    /// The pairs that this record completes, of the types that have pairs.
    pub(super) pairs: Option<Vec<Pair>>,
    /// What the record carries of a pair that goes on in the next one, or that nothing completes.
    pub(super) rest: usize,
}

/// A name and its value.
pub(super) type Pair = (Vec<u8>, Vec<u8>);

pub(super) struct Decoder {
    deframer: RecordDecoder,
    /// The record that is coming.
    content: Vec<u8>,
    header: Option<RecordHeader>,
    /// The beginning of a pair whose end is in a later record, for each request.
    pairs: HashMap<RequestId, Vec<u8>>,
    /// Bytes that were taken.
    offset: u64,
    lost: bool,
}

/// The most that is kept of a pair that does not end: nobody's is as long.
const LONGEST: usize = 1024 * 1024;

impl Decoder {
    pub(super) fn new() -> Self {
        let deframer = RecordDecoder::new();
        Self { deframer, content: Vec::new(), header: None, pairs: HashMap::new(), offset: 0, lost: false }
    }

    /// Whether the bytes were no FastCGI.
    pub(super) const fn is_lost(&self) -> bool {
        self.lost
    }

    /// The next record whose content is whole. `None`: more is needed.
    pub(super) fn next(&mut self, input: &mut &[u8]) -> Option<Decoded> {
        while !self.lost {
            let (before, was) = (*input, input.len());
            let fragment = self.deframer.next(input);
            let Ok(fragment) = fragment else {
                self.lost = true;
                let bytes = before[..was.min(32)].to_vec();
                return Some(Decoded::Lost { offset: self.offset, bytes });
            };
            self.offset += (was - input.len()) as u64;
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

    /// What the end of the bytes cuts off.
    pub(super) fn end(&self) -> Option<Decoded> {
        if self.lost || self.deframer.is_between_records() || self.deframer.is_in_padding() {
            return None;
        }
        let missing = self.header.map_or(0, |header| usize::from(header.content_len) - self.content.len());
        Some(Decoded::Cut { header: self.header, missing })
    }

    fn record(&mut self, header: RecordHeader, content: Vec<u8>) -> Record {
        let (pairs, rest) = match header.kind {
            RecordType::PARAMS => {
                let mut coming = self.pairs.remove(&header.id).unwrap_or_default();
                coming.extend_from_slice(&content);
                let (pairs, rest) = pairs(&coming);
                let rest = coming.split_off(coming.len() - rest);
                let length = rest.len();
                if (1..LONGEST).contains(&length) && !content.is_empty() {
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

/// The pairs, and how many bytes are left of one that is not whole.
fn pairs(bytes: &[u8]) -> (Vec<Pair>, usize) {
    let (mut pairs, mut whole) = (NameValuePairs::new(bytes), Vec::new());
    loop {
        let before = pairs.rest().len();
        match pairs.next() {
            Some(Ok((name, value))) => whole.push((name.to_vec(), value.to_vec())),
            Some(Err(_)) => return (whole, before),
            None => return (whole, 0),
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
            for mut piece in bytes().chunks(size) {
                while let Some(Decoded::Record(record)) = decoder.next(&mut piece) {
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
    fn what_is_no_fastcgi_and_what_is_cut_off_is_told() {
        let mut decoder = Decoder::new();
        let text = [&b"\x01\x06\0\x01\0\0\0\0"[..], b"HTTP/1.1 400 Bad Request"].concat();
        let mut input = &text[..];
        assert!(matches!(decoder.next(&mut input), Some(Decoded::Record(_))));
        let lost = decoder.next(&mut input);
        assert!(
            matches!(&lost, Some(Decoded::Lost { offset: 8, bytes }) if bytes.starts_with(b"HTTP/1.1")),
            "{lost:?}"
        );
        assert_eq!(decoder.next(&mut input), None);

        let mut decoder = Decoder::new();
        assert_eq!(decoder.next(&mut &b"\x01\x06\0\x01\0\x05\0\0abc"[..]), None);
        assert!(matches!(decoder.end(), Some(Decoded::Cut { header: Some(_), missing: 2 })));
    }
}
