//! Records to bytes: joined, split, shared and padded.

use super::*;
use crate::codec::RecordDecoder;
use crate::name_value::{MAX_PAIR_LEN, NameValuePairs, encode_pair};
use alloc::vec;
use proptest::collection;
use proptest::prelude::*;

const ID: RequestId = RequestId(258);

fn drain(encoder: &mut RecordEncoder, step: usize) -> Vec<u8> {
    let mut wire = Vec::new();
    while !encoder.is_empty() {
        assert_eq!(encoder.slices().map(<[u8]>::len).sum::<usize>(), encoder.len());
        assert!(encoder.slices().all(|slice| !slice.is_empty()));
        let part: Vec<u8> =
            encoder.slices().flat_map(|slice| &slice[..slice.len().min(step)]).take(step).copied().collect();
        encoder.advance(part.len());
        wire.extend(part);
    }
    assert_eq!(encoder.len(), 0);
    wire
}

fn records(mut wire: &[u8]) -> Vec<(RecordType, Vec<u8>)> {
    let mut decoder = RecordDecoder::new();
    let mut records: Vec<(RecordType, Vec<u8>)> = Vec::new();
    while let Some(fragment) = decoder.next(&mut wire).unwrap() {
        assert!(fragment.is_first && fragment.is_last);
        assert_eq!(fragment.header.id, ID);
        records.push((fragment.header.kind, fragment.content.to_vec()));
    }
    assert!(decoder.is_between_records());
    records
}

#[test]
fn small_contents_of_one_stream_share_a_record() {
    let mut encoder = RecordEncoder::new();
    encoder.write_stream(RecordType::STDOUT, ID, b"head");
    encoder.write_stream(RecordType::STDOUT, ID, b"");
    encoder.write_stream(RecordType::STDOUT, ID, b"body");
    encoder.write_stream(RecordType::STDERR, ID, b"oops");
    encoder.write_stream(RecordType::STDOUT, ID, b"more");
    encoder.write_stream_end(RecordType::STDOUT, ID);
    assert_eq!(encoder.slices().count(), 1, "one slice");
    let expected = [
        (RecordType::STDOUT, b"headbody".to_vec()),
        (RecordType::STDERR, b"oops".to_vec()),
        (RecordType::STDOUT, b"more".to_vec()),
        (RecordType::STDOUT, vec![]),
    ];
    assert_eq!(records(&drain(&mut encoder, 1)), expected);
}

#[test]
fn a_split_record_gets_no_more_content() {
    let mut encoder = RecordEncoder::new();
    encoder.write_stream(RecordType::STDOUT, ID, b"head");
    encoder.split_record();
    encoder.write_stream(RecordType::STDOUT, ID, b"body");
    let expected = [(RecordType::STDOUT, b"head".to_vec()), (RecordType::STDOUT, b"body".to_vec())];
    assert_eq!(records(&drain(&mut encoder, 1)), expected);
}

#[test]
fn a_partly_written_record_gets_no_more_content() {
    let mut encoder = RecordEncoder::new();
    encoder.write_stream(RecordType::STDOUT, ID, b"first");
    let mut wire: Vec<u8> = encoder.slices().next().unwrap()[..3].to_vec();
    encoder.advance(3);
    encoder.write_stream(RecordType::STDOUT, ID, b"second");
    wire.extend(drain(&mut encoder, 100));
    assert_eq!(
        records(&wire),
        [(RecordType::STDOUT, b"first".to_vec()), (RecordType::STDOUT, b"second".to_vec())]
    );
}

#[test]
fn contents_near_record_limits_encode_in_any_steps() {
    for len in [1, 4095, 4096, 65_535, 65_536, 131_070, 131_071, 200_000] {
        let content: Vec<u8> = (0..=252).cycle().take(len).collect();
        for step in [1, 7, 8, 4096, 70_000, 1 << 20] {
            if step == 1 && len > 70_000 {
                continue;
            }
            let mut encoder = RecordEncoder::new();
            encoder.write_stream(RecordType::STDOUT, ID, b"head");
            encoder.write_stream_bytes(RecordType::STDOUT, ID, Bytes::from(content.clone()));
            encoder.write_stream(RecordType::STDOUT, ID, b"tail");
            encoder.write_stream_end(RecordType::STDOUT, ID);
            let records = records(&drain(&mut encoder, step));
            let (last, before) = records.split_last().unwrap();
            assert_eq!(*last, (RecordType::STDOUT, vec![]));
            assert!(before.iter().all(|(_, content)| !content.is_empty()), "no record ends the stream early");
            let joined: Vec<u8> = before.iter().flat_map(|(_, content)| content).copied().collect();
            assert_eq!(joined, [&b"head"[..], &content, b"tail"].concat(), "{len} bytes in steps of {step}");
        }
    }
}

#[test]
fn writes_in_place_equal_copied_writes() {
    for len in [0, 1, 100, 65_535, 65_536, 200_000] {
        let content = vec![b'x'; len];
        let (mut copied, mut in_place) = (RecordEncoder::new(), RecordEncoder::new());
        for before in [&b""[..], b"before"] {
            for encoder in [&mut copied, &mut in_place] {
                encoder.write_stream(RecordType::STDOUT, ID, before);
            }
            copied.write_stream(RecordType::STDOUT, ID, &content);
            in_place.write_stream_with(RecordType::STDOUT, ID, |encoder| encoder.extend_from_slice(&content));
            for encoder in [&mut copied, &mut in_place] {
                encoder.write_stream(RecordType::STDOUT, ID, b"after");
                encoder.write_stream_end(RecordType::STDOUT, ID);
            }
        }
        let joined = |encoder: &mut RecordEncoder| -> Vec<u8> {
            records(&drain(encoder, 1 << 20)).into_iter().flat_map(|(_, content)| content).collect()
        };
        assert_eq!(joined(&mut copied), joined(&mut in_place), "{len} bytes");
    }
}

#[test]
fn a_panic_in_an_in_place_write_leaves_no_output() {
    extern crate std;
    for before in [&b""[..], b"before"] {
        let mut encoder = RecordEncoder::new();
        encoder.write_stream(RecordType::STDOUT, ID, before);
        let panics = std::panic::AssertUnwindSafe(|| {
            encoder.write_stream_with(RecordType::STDOUT, ID, |buffer| {
                buffer.extend_from_slice(b"half a hea");
                panic!("on purpose");
            });
        });
        assert!(std::panic::catch_unwind(panics).is_err());
        encoder.write_stream(RecordType::STDOUT, ID, b"after");
        let expected = [(RecordType::STDOUT, [before, b"after"].concat())];
        assert_eq!(records(&drain(&mut encoder, 3)), expected);
    }
}

#[test]
fn copied_contents_longer_than_a_record_are_split() {
    let mut encoder = RecordEncoder::new();
    let content = vec![b'x'; 65_536];
    encoder.write_stream(RecordType::STDOUT, ID, &content);
    let lens: Vec<_> = records(&drain(&mut encoder, 1000)).iter().map(|(_, content)| content.len()).collect();
    assert_eq!(lens, [65_535, 1]);
    encoder.write_stderr(ID, &content, 8192);
    assert!(records(&drain(&mut encoder, 1000)).iter().all(|(_, content)| content.len() == 8192));
}

#[test]
fn large_contents_are_not_copied() {
    let mut encoder = RecordEncoder::new();
    let content = Bytes::from(vec![7; 100_000]);
    encoder.write_stream_bytes(RecordType::STDOUT, ID, content.clone());
    let slices: Vec<&[u8]> = encoder.slices().collect();
    assert_eq!(slices.iter().map(|slice| slice.len()).collect::<Vec<_>>(), [8, 65_528, 8, 34_472]);
    assert_eq!(slices[1].as_ptr(), content.as_ptr());
}

#[test]
fn a_short_rest_shares_a_record_with_the_next_content() {
    let mut encoder = RecordEncoder::new();
    encoder.write_stream(RecordType::STDOUT, ID, b"head");
    for _ in 0..4 {
        encoder.write_stream_bytes(RecordType::STDOUT, ID, Bytes::from_static(&[7; 65_536]));
    }
    let slices: Vec<_> = encoder.slices().map(<[u8]>::len).collect();
    assert_eq!(slices, [12, 65_524, 20, 65_516, 28, 65_508, 36, 65_500, 44]);
    let lens: Vec<_> = records(&drain(&mut encoder, 1000)).iter().map(|(_, content)| content.len()).collect();
    assert_eq!(lens, [65_528, 65_528, 65_528, 65_528, 36]);
}

#[test]
fn a_record_without_room_for_a_large_content_is_closed() {
    let mut encoder = RecordEncoder::new();
    for copied in [61_432, 61_433, 65_535] {
        encoder.write_stream(RecordType::STDOUT, ID, &vec![b'x'; copied]);
        encoder.write_stream_bytes(RecordType::STDOUT, ID, Bytes::from(vec![7; 5000]));
        let lens: Vec<_> =
            records(&drain(&mut encoder, 1 << 20)).iter().map(|(_, content)| content.len()).collect();
        let expected = if copied == 61_432 { [65_528, 904] } else { [copied, 5000] };
        assert_eq!(lens, expected);
    }
}

#[test]
fn a_record_grows_after_its_buffer_was_returned() {
    let mut encoder = RecordEncoder::new();
    encoder.write_stream(RecordType::STDERR, ID, &[b'e'; 6000]);
    encoder.write_stream(RecordType::STDOUT, ID, b"head");
    let mut wire = encoder.slices().next().unwrap()[..6008].to_vec();
    encoder.advance(wire.len());
    assert_eq!((encoder.buffer.start(), encoder.len()), (0, 12));
    encoder.write_stream(RecordType::STDOUT, ID, b"body");
    wire.extend(drain(&mut encoder, 100));
    assert_eq!(records(&wire)[1..], [(RecordType::STDOUT, b"headbody".to_vec())]);
}

#[test]
fn memory_is_reused_with_a_slow_reader() {
    let mut encoder = RecordEncoder::new();
    for _ in 0..1000 {
        encoder.write_record(RecordType::END_REQUEST, ID, &[0; 2000]);
        encoder.write_record(RecordType::END_REQUEST, ID, &[0; 2000]);
        let pending = encoder.len();
        encoder.advance(pending - 100);
    }
    assert!(encoder.buffer.inline_buf().capacity() < 64 * 1024, "{}", encoder.buffer.inline_buf().capacity());
    encoder.advance(100);
    encoder.shrink();
    assert_eq!(encoder.buffer.inline_buf().capacity(), 0);
}

#[test]
fn stderr_is_padded_and_never_joined() {
    for len in 1..=17 {
        let mut encoder = RecordEncoder::new();
        encoder.write_stream(RecordType::STDOUT, ID, b"head");
        for _ in 0..2 {
            encoder.write_stderr(ID, &b"seventeen letters"[..len], 8192);
        }
        let wire = drain(&mut encoder, 100);
        let header = RecordHeader::decode(wire[12..20].try_into().unwrap()).unwrap();
        assert!((1..=8).contains(&header.padding_len), "{header:?}");
        assert_eq!((wire.len() - 12) % 8, 0);
        let records = records(&wire);
        assert_eq!(records.len(), 3);
        assert_eq!(records[2], (RecordType::STDERR, b"seventeen letters"[..len].to_vec()));
    }
    let mut encoder = RecordEncoder::new();
    encoder.write_stderr(ID, b"", 8192);
    assert!(encoder.is_empty(), "an empty record would end the stream");
}

/// Encoded pairs with names of one byte and values of these lengths.
fn pairs(values: &[usize]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for (name, len) in (0_u8..).zip(values) {
        encode_pair(&mut encoded, &[name], &vec![name; *len]);
    }
    encoded
}

/// The value of a pair with a name of one byte that has as many bytes as a record holds: six are for the lengths and
/// the name.
const LONGEST: usize = MAX_PAIR_LEN - 6;

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_record_has_whole_pairs(
        values in collection::vec(prop_oneof![0..200_usize, 60_000..=LONGEST, Just(LONGEST)], 0..8),
        split in any::<prop::sample::Index>(),
        in_place in any::<bool>(),
    ) {
        let (first, second) = values.split_at(split.index(values.len().saturating_add(1)));
        let mut encoder = RecordEncoder::new();
        for part in [first, second] {
            let encoded = pairs(part);
            let written = if in_place {
                encoder.write_pairs_with(RecordType::PARAMS, ID, |out| out.extend_from_slice(&encoded))
            } else {
                encoder.write_pairs(RecordType::PARAMS, ID, &encoded)
            };
            prop_assert_eq!(written, Ok(()));
        }
        let records = records(&drain(&mut encoder, 100_000));
        prop_assert!(records.iter().all(|(_, content)| NameValuePairs::new(content).all(|pair| pair.is_ok())));
        for ((_, content), (_, next)) in records.iter().zip(records.iter().skip(1)) {
            let room = MAX_PAIR_LEN.saturating_sub(content.len());
            prop_assert_eq!(whole_pairs(next, room), None, "as many pairs as fit");
        }
        let all: Vec<u8> = records.into_iter().flat_map(|(_, content)| content).collect();
        prop_assert_eq!(all, [pairs(first), pairs(second)].concat());
    }
}

#[test]
fn a_pair_longer_than_a_record_is_rejected() {
    for values in [&[LONGEST + 1][..], &[5, LONGEST + 1], &[LONGEST, 3, 100_000, 3]] {
        let encoded = pairs(values);
        let mut encoder = RecordEncoder::new();
        encoder.write_stream(RecordType::PARAMS, ID, b"\x01\x00A");
        assert_eq!(encoder.write_pairs(RecordType::PARAMS, ID, &encoded), Err(UserError::PairTooLong));
        let written = encoder.write_pairs_with(RecordType::PARAMS, ID, |out| out.extend_from_slice(&encoded));
        assert_eq!(written, Err(UserError::PairTooLong));
        assert_eq!(encoder.len(), 11, "nothing was written");
    }
}
