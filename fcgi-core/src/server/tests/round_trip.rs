//! The decoder reads what the encoder writes.

use alloc::vec::Vec;

use bytes::Bytes;
use proptest::prelude::*;

use super::wire::{parse, unwritten};
use crate::{
    BeginRequest, EndRequest, NameValuePairs, Params, ProtocolStatus, RecordEncoder, RecordHeader,
    RecordType, RequestId, Role, UnknownType, encode_pair,
};

/// An operation on a [`RecordEncoder`].
#[derive(Debug, Clone)]
enum Operation {
    Stream(RecordType, u16, Vec<u8>),
    Shared(RecordType, u16, Vec<u8>),
    InPlace(RecordType, u16, Vec<u8>),
    Record(u8, u16, Vec<u8>),
    End(RecordType, u16),
    Split,
    /// The transport writes this many bytes.
    Advance(usize),
}

fn operation() -> impl Strategy<Value = Operation> {
    let kind = || prop::sample::select(Vec::from([RecordType::STDOUT, RecordType::STDERR]));
    let small = || prop::collection::vec(any::<u8>(), 0..50);
    // Long contents from one byte: quick to generate and to shrink.
    let long = || {
        let len = prop_oneof![3 => 0..200_usize, 2 => 4000..5000_usize, 1 => 60_000..140_000_usize];
        (len, any::<u8>())
            .prop_map(|(len, first)| (first..=255).chain(0..first).cycle().take(len).collect::<Vec<u8>>())
    };
    prop_oneof![
        4 => (kind(), 1..3_u16, small()).prop_map(|(kind, id, content)| Operation::Stream(kind, id, content)),
        1 => (kind(), 1..3_u16, long()).prop_map(|(kind, id, content)| Operation::Stream(kind, id, content)),
        3 => (kind(), 1..3_u16, long()).prop_map(|(kind, id, content)| Operation::Shared(kind, id, content)),
        1 => (kind(), 1..3_u16, small()).prop_map(|(kind, id, content)| Operation::InPlace(kind, id, content)),
        1 => (kind(), 1..3_u16, long()).prop_map(|(kind, id, content)| Operation::InPlace(kind, id, content)),
        1 => (any::<u8>(), any::<u16>(), small()).prop_map(|(kind, id, content)| Operation::Record(kind, id, content)),
        1 => (kind(), 1..3_u16).prop_map(|(kind, id)| Operation::End(kind, id)),
        1 => Just(Operation::Split),
        4 => prop_oneof![0..30_usize, 0..10_000_usize, Just(1 << 30)].prop_map(Operation::Advance),
    ]
}

/// The type, id and content of a write, and whether it is a record of its own.
type Content = (RecordType, u16, Vec<u8>, bool);

/// Checks that `wire` consists of all contents in order, with their type and id.
fn check_contents(wire: &[u8], expected: Vec<Content>) -> Result<(), TestCaseError> {
    let mut records = parse(wire).into_iter().peekable();
    let mut left: Option<super::wire::Record> = None;
    for (kind, id, content, is_record) in expected {
        if is_record {
            prop_assert!(left.take().is_none(), "two contents share a record");
            let record = records.next().unwrap();
            prop_assert_eq!((record.kind, record.id, record.content), (kind, id, content));
            continue;
        }
        let mut content = &content[..];
        while !content.is_empty() {
            let mut record = left.take().unwrap_or_else(|| records.next().unwrap());
            prop_assert_eq!((record.kind, record.id), (kind, id));
            prop_assert!(!record.content.is_empty(), "only the end of a stream is empty");
            let len = record.content.len().min(content.len());
            let rest = record.content.split_off(len);
            prop_assert!(record.content == content[..len], "different bytes");
            content = &content[len..];
            if !rest.is_empty() {
                record.content = rest;
                left = Some(record);
            }
        }
    }
    prop_assert!(left.is_none() && records.next().is_none());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn headers(kind: u8, id: u16, content_len: u16, padding_len: u8, reserved: u8) {
        let header = RecordHeader { kind: RecordType(kind), id: RequestId(id), content_len, padding_len };
        let mut wire = header.encode();
        prop_assert_eq!(RecordHeader::decode(wire), Ok(header));
        wire[7] = reserved;
        prop_assert_eq!(RecordHeader::decode(wire), Ok(header));
    }

    #[test]
    fn contents_of_fixed_length(role: u16, keep_conn: bool, app_status: u32, status: u8, kind: u8) {
        let begin = BeginRequest { role: Role(role), keep_conn };
        prop_assert_eq!(BeginRequest::decode(begin.encode()), begin);
        let end = EndRequest { app_status, protocol_status: ProtocolStatus(status) };
        prop_assert_eq!(EndRequest::decode(end.encode()), end);
        let unknown = UnknownType(RecordType(kind));
        prop_assert_eq!(UnknownType::decode(unknown.encode()), unknown);
    }

    #[test]
    fn name_value_pairs(
        list in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..140), prop::collection::vec(any::<u8>(), 0..300)),
            0..20,
        ),
    ) {
        let mut wire = Vec::new();
        for (name, value) in &list {
            encode_pair(&mut wire, name, value);
        }
        let expected: Vec<(&[u8], &[u8])> = list.iter().map(|(name, value)| (&name[..], &value[..])).collect();
        let decoded: Result<Vec<_>, _> = NameValuePairs::new(&wire).collect();
        prop_assert_eq!(decoded.as_ref(), Ok(&expected));
        let params: Params = list.iter().map(|(name, value)| (name, value)).collect();
        prop_assert_eq!(params.encoded(), &wire);
        prop_assert_eq!(params.iter().collect::<Vec<_>>(), expected);
        for (name, _) in &list {
            let last = list.iter().rev().find(|(other, _)| other == name).map(|(_, value)| &value[..]);
            prop_assert_eq!(params.get(name), last);
        }
    }

    #[test]
    fn pairs_of_any_bytes_end_within_their_input(wire in prop::collection::vec(any::<u8>(), 0..60)) {
        let decoded: Vec<_> = NameValuePairs::new(&wire).collect();
        prop_assert!(decoded.iter().rev().skip(1).all(Result::is_ok), "an error is the last item");
        let taken = |(name, value): &(&[u8], &[u8])| 2 + name.len() + value.len();
        prop_assert!(decoded.iter().flatten().map(taken).sum::<usize>() <= wire.len());
    }

    #[test]
    fn records_through_any_partial_writes(operations in prop::collection::vec(operation(), 1..40)) {
        let mut out = RecordEncoder::new();
        let mut wire = Vec::new();
        let mut expected: Vec<Content> = Vec::new();
        for operation in operations {
            match operation {
                Operation::Stream(kind, id, content) => {
                    out.write_stream(kind, RequestId(id), &content);
                    expected.push((kind, id, content, false));
                }
                Operation::Shared(kind, id, content) => {
                    out.write_stream_bytes(kind, RequestId(id), Bytes::from(content.clone()));
                    expected.push((kind, id, content, false));
                }
                Operation::InPlace(kind, id, content) => {
                    out.write_stream_with(kind, RequestId(id), |out| out.extend_from_slice(&content));
                    expected.push((kind, id, content, false));
                }
                Operation::Record(kind, id, content) => {
                    out.write_record(RecordType(kind), RequestId(id), &content);
                    expected.push((RecordType(kind), id, content, true));
                }
                Operation::End(kind, id) => {
                    out.write_stream_end(kind, RequestId(id));
                    expected.push((kind, id, Vec::new(), true));
                }
                Operation::Split => out.split_record(),
                Operation::Advance(len) => {
                    let mut part = unwritten(&out);
                    part.truncate(len);
                    out.advance(part.len());
                    wire.extend(part);
                }
            }
            let len = out.len();
            prop_assert_eq!(out.slices().map(<[u8]>::len).sum::<usize>(), len);
            prop_assert_eq!(out.is_empty(), len == 0);
            prop_assert!(out.slices().all(|slice| !slice.is_empty()));
        }
        wire.extend(unwritten(&out));

        check_contents(&wire, expected)?;
    }
}
