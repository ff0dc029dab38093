//! The lifecycle of a request: it begins with BEGIN_REQUEST, its body ends at the empty record, its response with
//! `end_request`.

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

use super::wire::*;
use crate::server::{CloseAction, EndOfInput, Event};
use crate::{ProtocolError, ProtocolErrorKind, RecordType, RequestId, Role, Roles, StreamState, UserError};

const R: Role = Role::RESPONDER;

#[test]
fn a_body_ends_exactly_on_its_terminal_record() {
    let mut harness = Harness::new();
    harness.send([begin(1, R, true), all_params(1, &[("CONTENT_LENGTH", "4")])].concat());
    let key = harness.request().key;
    assert_eq!(harness.body(key), (vec![], StreamState::Open));
    harness.send(stdin(1, b"ab"));
    assert_eq!(harness.events(), [Event::BodyReadable(key)]);
    harness.send(stdin(1, b"cd"));
    assert_eq!(harness.events(), [], "not repeated until a read");
    assert_eq!(harness.body(key), (b"abcd".to_vec(), StreamState::Open), "CONTENT_LENGTH does not end it");
    harness.send(stdin(1, b"ef"));
    assert_eq!(harness.body(key), (b"ef".to_vec(), StreamState::Open), "more bytes are accepted");
    harness.events();
    harness.send(stdin_end(1));
    assert_eq!(harness.events(), [Event::BodyReadable(key)]);
    assert_eq!(harness.body(key), (vec![], StreamState::Ended));
    harness.send(stdin_end(1));
    assert_eq!(harness.events(), [], "a repeated end is ignored");
}

#[test]
fn a_request_without_a_body_ends_too() {
    let mut harness = Harness::new();
    let key = harness.open_keep_conn(1);
    harness.send(stdin_end(1));
    assert_eq!(harness.events(), [Event::BodyReadable(key)]);
    assert_eq!(harness.body(key), (vec![], StreamState::Ended));
}

#[test]
fn an_early_response_is_complete_at_once() {
    // The response does not wait for the rest of the body.
    for keep_conn in [false, true] {
        let mut harness = Harness::new();
        let key = harness.open(1, R, keep_conn);
        harness.server.stdout(key, b"Status: 404 Not Found\r\n\r\n").unwrap();
        harness.server.end_request(key, 0).unwrap();
        let expected = [stdout(1, b"Status: 404 Not Found\r\n\r\n"), stdout(1, b""), end_request(1)];
        assert_eq!(harness.written_records(), expected);
        let close = if keep_conn { None } else { Some(CloseAction::LingeringClose) };
        assert_eq!(harness.server.close_action(), close, "without KEEP_CONN");
        harness.send(stdin(1, b"abcd"));
        assert_eq!(harness.server.close_action(), close);
        harness.send(stdin_end(1));
        let close = if keep_conn { None } else { Some(CloseAction::Close) };
        assert_eq!(harness.server.close_action(), close);
        assert_eq!((harness.events(), harness.written_records()), (vec![], vec![]));
    }
}

#[test]
fn an_unread_body_of_10_mb_is_dropped_on_arrival() {
    for keep_conn in [false, true] {
        let mut harness = Harness::new();
        let key = harness.open(1, R, keep_conn);
        harness.server.stdout(key, b"no").unwrap();
        harness.server.end_request(key, 0).unwrap();
        assert_eq!(harness.written_records(), [stdout(1, b"no"), stdout(1, b""), end_request(1)]);
        let part = stdin(1, &[b'x'; 32_768]);
        for _ in 0..320 {
            harness.send(&part);
            assert!(harness.server.wants_read());
            assert_eq!(harness.server.unread_bytes(), 0);
        }
        harness.send(stdin_end(1));
        assert_eq!(
            (harness.events(), harness.written_records(), harness.server.requests.len()),
            (vec![], vec![], 0)
        );
    }
}

#[test]
fn late_stdin_is_skipped_and_not_in_the_next_request() {
    let mut harness = Harness::new();
    let key = harness.open_keep_conn(1);
    harness.send(stdin(1, b"unread"));
    harness.server.end_request(key, 0).unwrap();
    harness.send([stdin(1, b"late"), stdin_end(1), stdin(1, b"later than its end")].concat());
    harness.written_records();
    assert_eq!(harness.events(), [Event::BodyReadable(key)], "from before the response");
    harness.assert_usable(1);
}

#[test]
fn late_params_of_an_answered_request_are_skipped_too() {
    let mut harness = Harness::new();
    harness.send(begin(1, R, true));
    let key = harness.server.incomplete_heads().min().unwrap();
    harness.server.reject(key).unwrap();
    harness.server.stdout(key, b"too slow").unwrap();
    harness.server.end_request(key, 0).unwrap();
    assert_eq!(harness.written_records(), [stdout(1, b"too slow"), stdout(1, b""), end_request(1)]);
    harness.send([all_params(1, &[("A", "1")]), stdin(1, b"x"), stdin_end(1)].concat());
    assert_eq!((harness.events(), harness.server.requests.len()), (vec![], 0));
    harness.assert_usable(1);
}

#[test]
fn a_begin_on_an_answered_id_starts_clean() {
    let mut harness = Harness::new();
    let old = harness.open_keep_conn(1);
    harness.send(stdin(1, b"old"));
    harness.server.end_request(old, 0).unwrap();
    harness.send(stdin(1, b"old, late"));
    assert_eq!(harness.events(), [Event::BodyReadable(old)], "from before the response");
    let new = harness.open_keep_conn(1);
    assert_ne!(old, new);
    harness.send([stdin(1, b"new"), stdin_end(1)].concat());
    assert_eq!(harness.body(new), (b"new".to_vec(), StreamState::Ended));
    assert_eq!(harness.server.stdout(old, b"x"), Err(UserError::RequestClosed));
    assert_eq!(harness.server.active_requests(), 1);
    harness.server.end_request(new, 0).unwrap();
    assert_eq!(harness.written_records(), [stdout(1, b""), end_request(1), stdout(1, b""), end_request(1)]);
}

#[test]
fn a_begin_on_an_active_id_is_a_protocol_error() {
    type Prepare = fn(&mut Harness);
    let cases: [(&str, Prepare); 6] = [
        ("in its PARAMS", |harness| harness.send(begin(1, R, true))),
        ("in its STDIN", |harness| _ = harness.open_keep_conn(1)),
        ("with all its input", |harness| {
            harness.open_keep_conn(1);
            harness.send(stdin_end(1));
        }),
        ("aborted, not ended", |harness| {
            harness.open_keep_conn(1);
            harness.send(abort(1));
        }),
        ("rejected, not ended", |harness| {
            harness.send([begin(1, R, true), params(1, &[0xff; 8])].concat());
        }),
        ("cut off", |harness| {
            let key = harness.open_keep_conn(1);
            harness.server.abort_response(key).unwrap();
        }),
    ];
    for (what, prepare) in cases {
        let mut harness = Harness::new();
        prepare(&mut harness);
        let expected =
            ProtocolError { kind: ProtocolErrorKind::DuplicateRequestId, request_id: RequestId(1) };
        assert_eq!(harness.send_invalid(begin(1, R, true)), expected, "{what}");
    }
}

#[test]
fn nothing_of_one_request_is_visible_in_the_next() {
    let mut harness = Harness::new();
    harness.send([begin(1, R, true), all_params(1, &[("REMOTE_USER", "admin"), ("A", "1")])].concat());
    let first = harness.request();
    harness.send(stdin(1, b"secret"));
    harness.server.stdout(first.key, b"for the first").unwrap();
    harness.server.end_request(first.key, 0).unwrap();
    harness.send(stdin_end(1));
    harness.written_records();
    harness.events();
    harness.send([begin(1, R, true), all_params(1, &[("A", "2")]), stdin_end(1)].concat());
    let second = harness.request();
    assert_eq!(second.params.iter().collect::<Vec<_>>(), [(&b"A"[..], &b"2"[..])]);
    assert_eq!(harness.body(second.key), (vec![], StreamState::Ended));
    harness.server.end_request(second.key, 0).unwrap();
    assert_eq!(harness.written_records(), [stdout(1, b""), end_request(1)]);
}

#[test]
fn keep_conn_is_per_request_and_the_last_one_decides() {
    for (flags, close) in [
        (&[true][..], None),
        (&[false], Some(CloseAction::Close)),
        (&[true, false], Some(CloseAction::Close)),
        (&[false, true], None),
        (&[true, false, true], None),
    ] {
        let mut harness = Harness::new();
        assert_eq!(harness.server.close_action(), None, "before the first request");
        for &keep_conn in flags {
            let key = harness.open(1, R, keep_conn);
            harness.send(stdin_end(1));
            assert_eq!(harness.server.close_action(), None, "{flags:?}: not while a request is active");
            harness.server.end_request(key, 0).unwrap();
            harness.events();
        }
        assert_eq!(harness.server.close_action(), close, "{flags:?}");
    }
}

#[test]
fn an_authorizer_is_complete_at_the_end_of_its_params() {
    let mut harness = Harness::with(|config| config.roles = Roles::ALL);
    let key = harness.open(1, Role::AUTHORIZER, true);
    assert_eq!(harness.body(key), (vec![], StreamState::Ended));
    harness.server.stdout(key, b"Status: 200 OK\r\n\r\n").unwrap();
    harness.server.end_request(key, 0).unwrap();
    assert_eq!(
        harness.written_records(),
        [stdout(1, b"Status: 200 OK\r\n\r\n"), stdout(1, b""), end_request(1)]
    );
    assert_eq!(
        (harness.server.requests.len(), harness.server.end_of_input()),
        (0, EndOfInput::Clean),
        "no STDIN is missing"
    );
    let key = harness.open(1, Role::AUTHORIZER, false);
    harness.server.end_request(key, 0).unwrap();
    assert_eq!(harness.server.close_action(), Some(CloseAction::Close));
}

#[test]
fn an_authorizer_answered_early_ends_with_its_params() {
    let mut harness = Harness::with(|config| config.roles = Roles::ALL);
    harness.send(begin(1, Role::AUTHORIZER, true));
    let key = harness.server.incomplete_heads().min().unwrap();
    harness.server.reject(key).unwrap();
    harness.server.end_request(key, 0).unwrap();
    assert_eq!(harness.server.requests.len(), 1);
    harness.send(all_params(1, &[("A", "1")]));
    assert_eq!((harness.events(), harness.server.requests.len()), (vec![], 0));
}

#[test]
fn stdin_of_an_authorizer_is_dropped() {
    let mut harness = Harness::with(|config| config.roles = Roles::ALL);
    let key = harness.open(1, Role::AUTHORIZER, true);
    harness.send([stdin(1, b"not for it"), stdin_end(1)].concat());
    assert_eq!((harness.events(), harness.server.unread_bytes()), (vec![], 0));
    assert_eq!(harness.body(key), (vec![], StreamState::Ended));
    assert_eq!(
        harness.send_invalid(record(RecordType::DATA, 1, b"x")).kind,
        ProtocolErrorKind::UnexpectedData
    );
}

#[test]
fn filter_bodies_end_on_their_own_empty_records() {
    let data = |content: &[u8]| record(RecordType::DATA, 1, content);
    let mut harness = Harness::with(|config| config.roles = Roles::ALL);
    let key = harness.open(1, Role::FILTER, true);
    harness.send(stdin(1, b"form"));
    assert_eq!(harness.body(key), (b"form".to_vec(), StreamState::Open));
    assert_eq!(harness.data(key), (vec![], StreamState::Open), "not begun, and not ended");
    harness.send(stdin_end(1));
    assert_eq!(harness.body(key), (vec![], StreamState::Ended));
    assert_eq!(harness.data(key), (vec![], StreamState::Open));
    harness.events();
    harness.send(data(b"fi"));
    assert_eq!(harness.events(), [Event::BodyReadable(key)]);
    harness.send(data(b"le"));
    assert_eq!(harness.server.unread_bytes(), 4);
    assert_eq!(harness.data(key), (b"file".to_vec(), StreamState::Open));
    harness.send(data(b""));
    assert_eq!(
        (harness.data(key), harness.body(key)),
        ((vec![], StreamState::Ended), (vec![], StreamState::Ended))
    );
    harness.server.end_request(key, 0).unwrap();
    assert_eq!((harness.server.requests.len(), harness.server.unread_bytes()), (0, 0));
}

#[test]
fn misplaced_data_is_a_protocol_error() {
    let data = |content: &[u8]| record(RecordType::DATA, 1, content);
    for content in [&b""[..], b"x"] {
        let mut harness = Harness::with(|config| config.roles = Roles::ALL);
        harness.open(1, Role::FILTER, true);
        assert_eq!(
            harness.send_invalid(data(content)).kind,
            ProtocolErrorKind::UnexpectedData,
            "before the end of STDIN"
        );

        let mut harness = Harness::with(|config| config.roles = Roles::ALL);
        harness.open_keep_conn(1);
        harness.send(stdin_end(1));
        assert_eq!(
            harness.send_invalid(data(content)).kind,
            ProtocolErrorKind::UnexpectedData,
            "a Responder receives no DATA"
        );
    }
    let mut harness = Harness::with(|config| config.roles = Roles::ALL);
    harness.open(1, Role::FILTER, true);
    harness.send([stdin_end(1), data(b""), data(b"")].concat());
    assert_eq!(harness.send_invalid(data(b"x")).kind, ProtocolErrorKind::StreamAfterEnd);
}

#[test]
fn out_of_order_streams_are_protocol_errors() {
    let begun = begin(1, R, true);
    let cases = [
        (begun.clone(), stdin(1, b"x"), ProtocolErrorKind::StdinBeforeParamsEnd),
        (begun, stdin_end(1), ProtocolErrorKind::StdinBeforeParamsEnd),
        (head(1, R, true), params(1, &encode_pairs(&[("B", "2")])), ProtocolErrorKind::ParamsAfterEnd),
        ([head(1, R, true), stdin_end(1)].concat(), stdin(1, b"x"), ProtocolErrorKind::StreamAfterEnd),
    ];
    for (before, record, error_kind) in cases {
        let mut harness = Harness::new();
        harness.send(before);
        assert_eq!(
            harness.send_invalid(record),
            ProtocolError { kind: error_kind, request_id: RequestId(1) }
        );
    }
}

#[test]
fn a_key_is_invalid_once_its_request_is_over() {
    let mut harness = Harness::new();
    let key = harness.open_keep_conn(1);
    harness.send(stdin(1, b"x"));
    harness.server.end_request(key, 0).unwrap();
    harness.written_records();
    // Half-closed; over; and with another request in its slot.
    for records in [vec![], stdin_end(1), head(1, R, true)] {
        harness.send(records);
        let server = &mut harness.server;
        let mut chunks = VecDeque::new();
        assert_eq!(server.read_body(key, &mut chunks), Err(UserError::RequestClosed));
        assert_eq!(server.read_data(key, &mut chunks), Err(UserError::RequestClosed));
        assert_eq!(server.discard_body(key), Err(UserError::RequestClosed));
        assert_eq!(server.stdout(key, b"x"), Err(UserError::RequestClosed));
        assert_eq!(server.stdout_bytes(key, vec![b'x'; 5000].into()), Err(UserError::RequestClosed));
        assert_eq!(server.stdout_with(key, |_| panic!("not called")), Err(UserError::RequestClosed));
        assert_eq!(server.stderr(key, b"x"), Err(UserError::RequestClosed));
        assert_eq!(server.end_request(key, 0), Err(UserError::RequestClosed));
        assert_eq!(server.abort_response(key), Err(UserError::RequestClosed));
        assert_eq!(server.reject(key), Err(UserError::RequestClosed));
        server.release_capacity(key, 1);
        assert!(chunks.is_empty() && harness.written_records().is_empty(), "and nothing changes");
    }
    assert_eq!(harness.server.active_requests(), 1);
}

#[test]
fn before_the_end_of_params_only_reject_is_possible() {
    let mut harness = Harness::new();
    harness.send(begin(1, R, true));
    let key = harness.server.incomplete_heads().min().unwrap();
    let server = &mut harness.server;
    let mut chunks = VecDeque::new();
    assert_eq!(server.read_body(key, &mut chunks), Err(UserError::StreamNotOpen));
    assert_eq!(server.read_data(key, &mut chunks), Err(UserError::StreamNotOpen));
    assert_eq!(server.discard_body(key), Err(UserError::StreamNotOpen));
    assert_eq!(server.stdout(key, b"x"), Err(UserError::StreamNotOpen));
    assert_eq!(server.stdout_with(key, |_| panic!("not called")), Err(UserError::StreamNotOpen));
    assert_eq!(server.stderr(key, b"x"), Err(UserError::StreamNotOpen));
    assert!(!server.is_writable(key));
    assert_eq!(server.end_request(key, 0), Err(UserError::StreamNotOpen));
    assert_eq!(server.abort_response(key), Err(UserError::StreamNotOpen));
    assert!(server.output().is_empty());
    harness.send(all_params(1, &[]));
    assert_eq!(harness.request().key, key);
    assert_eq!(harness.server.reject(key), Err(UserError::RequestClosed));
}
