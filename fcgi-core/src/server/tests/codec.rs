//! Records and pairs on the wire, at the limits of the encoding.

use alloc::vec;
use alloc::vec::Vec;

use super::wire::*;
use crate::server::{Event, RejectReason};
use crate::{
    ProtocolError, ProtocolErrorKind, ProtocolStatus, RecordType, RequestId, Role, StreamState, UserError,
    encode_pair,
};

const R: Role = Role::RESPONDER;

#[test]
fn a_pair_split_at_every_byte_over_one_byte_records() {
    let list = [("NAME", "value"), ("", ""), ("LONG", core::str::from_utf8(&[b'x'; 200]).unwrap())];
    let mut harness = Harness::new();
    harness.send(begin(1, R, true));
    for byte in encode_pairs(&list) {
        assert_eq!(harness.events(), [], "no event before the end of PARAMS");
        harness.send(padded(RecordType::PARAMS, 1, &[byte], 3));
    }
    harness.send(stream_end(RecordType::PARAMS, 1));
    let params = harness.request().params;
    let seen: Vec<_> = params.iter().collect();
    assert_eq!(seen, list.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
}

#[test]
fn names_and_values_of_127_128_65535_and_65536_bytes() {
    let lengths = [0, 127, 128, 65_535, 65_536];
    for name in lengths {
        for value in lengths {
            let (name, value) = (vec![b'n'; name], vec![b'v'; value]);
            let mut encoded = Vec::new();
            encode_pair(&mut encoded, &name, &value);
            let mut harness = Harness::with(|config| config.limits.max_params_bytes = encoded.len());
            harness.send(begin(1, R, true));
            for part in encoded.chunks(65_535) {
                harness.send(params(1, part));
            }
            harness.send(stream_end(RecordType::PARAMS, 1));
            let params = harness.request().params;
            assert_eq!(params.iter().collect::<Vec<_>>(), [(&name[..], &value[..])]);
            assert_eq!(params.encoded(), &encoded);
        }
    }
}

#[test]
fn a_huge_pair_length_is_rejected_before_allocation() {
    let longest = [0xff; 4];
    for wire in [[&longest[..], &[0]].concat(), [&[0][..], &longest].concat(), longest.repeat(2)] {
        let mut harness = Harness::new();
        harness.send(begin(1, R, true));
        let key = harness.server.incomplete_heads().min().unwrap();
        harness.send(params(1, &wire));
        assert_eq!(harness.events(), [Event::Rejected(key, RejectReason::TooManyBytes)]);
        assert_eq!(harness.server.requests.by_key(key).unwrap().params.capacity(), 0);
    }
}

#[test]
fn a_truncated_last_pair_is_a_protocol_error() {
    let whole = encode_pairs(&[("A", "1"), ("NAME", "value")]);
    let first = encode_pairs(&[("A", "1")]).len();
    for cut in 1..whole.len() {
        let mut harness = Harness::new();
        harness.send([begin(1, R, true), params(1, &whole[..cut])].concat());
        if cut == first {
            harness.send(stream_end(RecordType::PARAMS, 1));
            continue;
        }
        let error = harness.send_invalid(stream_end(RecordType::PARAMS, 1));
        assert_eq!(
            error,
            ProtocolError { kind: ProtocolErrorKind::TruncatedPair, request_id: RequestId(1) },
            "cut at {cut}"
        );
        assert_eq!(harness.events(), [], "no request is reported");
    }
}

#[test]
fn a_million_empty_pairs_do_not_pass_the_limit() {
    let mut harness = Harness::new();
    harness.send(begin(1, R, true));
    let key = harness.server.incomplete_heads().min().unwrap();
    for part in vec![0; 2_000_000].chunks(50_000) {
        harness.send(params(1, part));
    }
    assert_eq!(harness.events(), [Event::Rejected(key, RejectReason::TooManyParams)]);
}

#[test]
fn a_million_empty_pairs_do_not_overflow_the_stack() {
    let mut harness = Harness::with(|config| {
        config.limits.max_params = usize::MAX;
        config.limits.max_params_bytes = usize::MAX;
        config.limits.max_total_params_bytes = usize::MAX;
    });
    harness.send(begin(1, R, true));
    for part in vec![0; 2_000_000].chunks(65_535) {
        harness.send(params(1, part));
    }
    harness.send(stream_end(RecordType::PARAMS, 1));
    let params = harness.request().params;
    assert_eq!((params.len(), params.iter().count()), (1_000_000, 1_000_000));
}

#[test]
fn params_keep_duplicates_and_non_utf8_in_order() {
    let list: [(&[u8], &[u8]); 6] =
        [(b"A", b"1"), (b"\xff\x00", b"\xfe"), (b"", b"x"), (b"A", b""), (b"", b""), (b"A", b"2")];
    let mut encoded = Vec::new();
    for (name, value) in list {
        encode_pair(&mut encoded, name, value);
    }
    let mut harness = Harness::new();
    harness.send([begin(1, R, true), params(1, &encoded), stream_end(RecordType::PARAMS, 1)].concat());
    let params = harness.request().params;
    assert_eq!(params.iter().collect::<Vec<_>>(), list);
    assert_eq!(params.get("A"), Some(&b"2"[..]), "the last one wins");
}

#[test]
fn stdin_records_of_max_size_with_any_padding() {
    let content: Vec<u8> = (0..=250).cycle().take(65_535).collect();
    for padding in 0..=255 {
        let mut harness = Harness::new();
        let key = harness.open_keep_conn(1);
        harness.send(padded(RecordType::STDIN, 1, &content, padding));
        assert_eq!(harness.body(key), (content.clone(), StreamState::Open), "{padding} bytes of padding");
        harness.send(padded(RecordType::STDIN, 1, &[], padding));
        assert_eq!(harness.body(key), (vec![], StreamState::Ended), "{padding} bytes of padding");
    }
}

#[test]
fn stdout_is_split_at_65535_bytes() {
    for len in [1, 4095, 4096, 65_535, 65_536, 131_070, 131_071, 300_000] {
        let content: Vec<u8> = (0..=250).cycle().take(len).collect();
        for shared in [false, true] {
            let mut harness = Harness::new();
            let key = harness.open_keep_conn(1);
            match shared {
                false => harness.server.stdout(key, &content).unwrap(),
                true => harness.server.stdout_bytes(key, content.clone().into()).unwrap(),
            }
            harness.server.end_request(key, 0).unwrap();
            let mut records = harness.written_records();
            assert_eq!(records.split_off(records.len() - 2), [stdout(1, b""), end_request(1)]);
            let fewest = len.div_ceil(65_535);
            assert!((fewest..=len.div_ceil(65_528)).contains(&records.len()), "{len} bytes");
            assert!(fewest > 1 || records.len() == 1, "{len} bytes");
            assert!(records.iter().all(|record| record.kind == RecordType::STDOUT && record.id == 1));
            assert!(
                records.iter().all(|record| !record.content.is_empty()),
                "no record ends the stream early"
            );
            let joined: Vec<u8> = records.into_iter().flat_map(|record| record.content).collect();
            assert!(joined == content, "{len} bytes");
        }
    }
}

#[test]
fn short_writes_never_desynchronise_the_output() {
    for step in [1, 3, 7, 8, 9, 100, 4096, 5000] {
        let mut harness = Harness::new();
        let key = harness.open_keep_conn(1);
        let mut wire = Vec::new();
        let mut expected = Vec::new();
        // Each write ends anywhere, also inside a header, before more is queued.
        for len in [5, 4096, 1, 10_000, 300] {
            let content: Vec<u8> = (0..=250).cycle().take(len).collect();
            harness.server.stdout_bytes(key, content.clone().into()).unwrap();
            expected.extend(content);
            wire.extend(harness.write_up_to(step));
        }
        harness.server.end_request(key, 0).unwrap();
        wire.extend(harness.written_bytes());
        let mut records = parse(&wire);
        assert_eq!(records.split_off(records.len() - 2), [stdout(1, b""), end_request(1)]);
        let joined: Vec<u8> = records.into_iter().flat_map(|record| record.content).collect();
        assert!(joined == expected, "in steps of {step}");
    }
}

#[test]
fn every_id_from_1_to_65535_is_echoed_exactly() {
    let mut harness = Harness::new();
    for id in 1..=65_535 {
        let key = harness.open_keep_conn(id);
        harness.send(stdin_end(id));
        harness.server.stdout(key, b"x").unwrap();
        harness.server.end_request(key, 0).unwrap();
        assert_eq!(harness.written_records(), [stdout(id, b"x"), stdout(id, b""), end_request(id)]);
        harness.events();
        assert_eq!((harness.server.requests.len(), key.slot), (0, 0), "all use the same slot");
    }
}

#[test]
fn a_malformed_begin_is_a_protocol_error() {
    for len in [0, 1, 7, 9, 16, 65_535] {
        let mut harness = Harness::new();
        let error = harness.send_invalid(record(RecordType::BEGIN_REQUEST, 3, &vec![0; len]));
        assert_eq!(
            error,
            ProtocolError { kind: ProtocolErrorKind::InvalidBeginLength, request_id: RequestId(3) },
            "{len} bytes"
        );
    }
    let error = Harness::new().send_invalid(begin(0, R, true));
    assert_eq!(
        error,
        ProtocolError { kind: ProtocolErrorKind::InvalidRequestId, request_id: RequestId::NULL }
    );
}

#[test]
fn a_wrong_id_or_direction_is_a_protocol_error() {
    use RecordType as T;
    let cases = [
        (T::BEGIN_REQUEST, 0, ProtocolErrorKind::InvalidRequestId),
        (T::ABORT_REQUEST, 0, ProtocolErrorKind::InvalidRequestId),
        (T::PARAMS, 0, ProtocolErrorKind::InvalidRequestId),
        (T::STDIN, 0, ProtocolErrorKind::InvalidRequestId),
        (T::DATA, 0, ProtocolErrorKind::InvalidRequestId),
        (T::GET_VALUES, 1, ProtocolErrorKind::InvalidRequestId),
        (T::END_REQUEST, 0, ProtocolErrorKind::WrongDirection),
        (T::STDOUT, 0, ProtocolErrorKind::WrongDirection),
        (T::STDERR, 0, ProtocolErrorKind::WrongDirection),
        (T::GET_VALUES_RESULT, 0, ProtocolErrorKind::WrongDirection),
        (T::UNKNOWN_TYPE, 0, ProtocolErrorKind::WrongDirection),
        (T::END_REQUEST, 1, ProtocolErrorKind::WrongDirection),
        (T::STDOUT, 1, ProtocolErrorKind::WrongDirection),
        (T::STDERR, 1, ProtocolErrorKind::WrongDirection),
        (T::GET_VALUES_RESULT, 1, ProtocolErrorKind::WrongDirection),
        (T::UNKNOWN_TYPE, 1, ProtocolErrorKind::WrongDirection),
    ];
    for (kind, id, error_kind) in cases {
        for content in [&b""[..], b"12345678"] {
            let mut harness = Harness::new();
            harness.open_keep_conn(1);
            let expected = ProtocolError { kind: error_kind, request_id: RequestId(id) };
            assert_eq!(harness.send_invalid(record(kind, id, content)), expected, "{kind:?} with id {id}");
            assert_eq!(harness.written_records(), [], "{kind:?} with id {id}");
        }
    }
}

#[test]
fn stdin_of_id_0_or_an_unknown_id_is_not_a_body() {
    let mut harness = Harness::new();
    let key = harness.open_keep_conn(1);
    harness.send([stdin(2, b"stray"), stdin(1, b"mine"), stdin_end(2), stdin(65_535, b"stray")].concat());
    assert_eq!(harness.body(key), (b"mine".to_vec(), StreamState::Open));
    assert_eq!(harness.send_invalid(stdin(0, b"null")).kind, ProtocolErrorKind::InvalidRequestId);
    assert_eq!(harness.server.unread_bytes(), 0);
}

#[test]
fn an_empty_write_is_not_an_end_of_stream() {
    let mut harness = Harness::new();
    let key = harness.open_keep_conn(1);
    harness.server.stdout(key, b"").unwrap();
    harness.server.stdout_bytes(key, bytes::Bytes::new()).unwrap();
    harness.server.stdout_with(key, |_| ()).unwrap();
    harness.server.stderr(key, b"").unwrap();
    assert!(harness.server.output().is_empty());
    harness.server.stdout(key, b"x").unwrap();
    harness.server.stdout(key, b"").unwrap();
    assert_eq!(harness.written_records(), [stdout(1, b"x")]);
}

#[test]
fn a_wrong_version_is_an_error_after_earlier_events() {
    let mut harness = Harness::new();
    let wire = [head(1, R, true), vec![2, 5, 0, 9, 0, 0, 0, 0], head(2, R, true)].concat();
    assert_eq!(
        harness.send_invalid(wire),
        ProtocolError { kind: ProtocolErrorKind::InvalidVersion, request_id: RequestId(9) }
    );
    let request = harness.request();
    assert_eq!((request.id, harness.events()), (RequestId(1), vec![]), "no later event");
    harness.server.end_request(request.key, 0).unwrap();
    assert_eq!(harness.server.end_request(request.key, 0), Err(UserError::RequestClosed));
}

#[test]
fn unknown_begin_flags_and_reserved_bytes_are_ignored() {
    let mut harness = Harness::new();
    harness.send(record(RecordType::BEGIN_REQUEST, 1, &[0, 1, 0xff, 1, 2, 3, 4, 5]));
    harness.send(all_params(1, &[]));
    let key = harness.request().key;
    harness.send(stdin_end(1));
    harness.server.end_request(key, 7).unwrap();
    assert_eq!(
        harness.written_records(),
        [stdout(1, b""), end_request_with(1, 7, ProtocolStatus::REQUEST_COMPLETE)]
    );
    assert_eq!(harness.server.close_action(), None, "KEEP_CONN is the lowest bit");
}
