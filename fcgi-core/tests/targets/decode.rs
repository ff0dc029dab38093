//! Bytes to records in chunks. The first byte is their size.

use fcgi_core::{ProtocolError, RecordDecoder, RecordHeader};

type Records = Vec<(RecordHeader, Vec<u8>)>;

pub(crate) fn run(data: &[u8]) {
    let Some((size, input)) = data.split_first() else { return };
    let whole = records([input]);
    assert_eq!(records(input.chunks(1)), whole);
    assert_eq!(records(input.chunks(usize::from(*size) + 1)), whole);
    // Encoding a decoded header yields the same bytes.
    let (records, error) = whole;
    let mut rest = input;
    for (header, content) in records {
        assert_eq!(RecordHeader::decode(header.encode()), Ok(header));
        let (front, after) = rest.split_at(RecordHeader::LEN);
        assert_eq!(header.encode()[..7], front[..7], "except for the reserved byte");
        assert!(after.starts_with(&content));
        rest = after.get(content.len() + usize::from(header.padding_len)..).unwrap_or_default();
    }
    if error.is_some() {
        assert_ne!(rest.first(), Some(&fcgi_core::VERSION));
    }
}

fn records<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> (Records, Option<ProtocolError>) {
    let mut decoder = RecordDecoder::new();
    let mut records = Records::new();
    for mut chunk in chunks {
        loop {
            match decoder.next(&mut chunk) {
                Ok(Some(fragment)) => {
                    if fragment.is_first {
                        records.push((fragment.header, Vec::new()));
                    }
                    let (header, content) = records.last_mut().unwrap();
                    content.extend_from_slice(fragment.content);
                    assert_eq!(*header, fragment.header);
                    assert_eq!(fragment.is_last, content.len() == usize::from(header.content_len));
                }
                Ok(None) => break,
                Err(error) => return (records, Some(error)),
            }
        }
        assert!(chunk.is_empty(), "all input is used");
    }
    (records, None)
}
