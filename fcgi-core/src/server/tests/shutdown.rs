//! When and how a connection closes, and what the end of the input interrupts.

use alloc::vec;

use super::wire::*;
use crate::server::{CloseAction, EndOfInput};
use crate::{ProtocolErrorKind, ProtocolStatus, RecordType, RequestKey, Role, StreamState, UserError};

const R: Role = Role::RESPONDER;

/// Prepares a connection.
type Steps = fn(&mut Harness);

fn answered(harness: &mut Harness, id: u16, keep_conn: bool) -> RequestKey {
    let key = harness.open(id, R, keep_conn);
    harness.server.end_request(key, 0).unwrap();
    key
}

#[test]
fn close_action_in_every_state() {
    let cases: [(&str, Option<CloseAction>, Steps); 16] = [
        ("nothing was received", None, |_| ()),
        ("in PARAMS", None, |harness| harness.send(begin(1, R, false))),
        ("in STDIN", None, |harness| _ = harness.open(1, R, false)),
        ("kept, answered, input open", None, |harness| _ = answered(harness, 1, true)),
        ("kept, over", None, |harness| {
            answered(harness, 1, true);
            harness.send(stdin_end(1));
        }),
        ("not kept, answered, input open", Some(CloseAction::LingeringClose), |harness| {
            _ = answered(harness, 1, false)
        }),
        ("not kept, over", Some(CloseAction::Close), |harness| {
            answered(harness, 1, false);
            harness.send(stdin_end(1));
        }),
        ("not kept, over, in the next record's header", Some(CloseAction::LingeringClose), |harness| {
            answered(harness, 1, false);
            harness.send([&stdin_end(1), &begin(2, R, true)[..3]].concat());
        }),
        ("not kept, over, in the last record's padding", Some(CloseAction::LingeringClose), |harness| {
            answered(harness, 1, false);
            harness.send(&padded(RecordType::STDIN, 1, b"", 5)[..10]);
        }),
        ("not kept, rejected, input open", Some(CloseAction::LingeringClose), |harness| {
            harness.send(begin(1, Role(9), false))
        }),
        ("not kept, aborted", Some(CloseAction::Close), |harness| {
            answered(harness, 1, false);
            harness.send(abort(1));
        }),
        ("closed while idle", Some(CloseAction::Close), |harness| harness.server.stop_accepting()),
        ("closed while active", None, |harness| {
            harness.open(1, R, true);
            harness.server.stop_accepting();
        }),
        ("closed, kept, input open", Some(CloseAction::LingeringClose), |harness| {
            answered(harness, 1, true);
            harness.server.stop_accepting();
        }),
        ("cut off", Some(CloseAction::Reset), |harness| {
            let key = harness.open(1, R, true);
            harness.server.abort_response(key).unwrap();
        }),
        ("a protocol error", Some(CloseAction::LingeringClose), |harness| {
            _ = harness.send_invalid(begin(0, R, true))
        }),
    ];
    for (what, close, steps) in cases {
        let mut harness = Harness::new();
        steps(&mut harness);
        assert_eq!(harness.server.close_action(), close, "{what}");
    }
}

#[test]
fn end_of_input_in_every_state() {
    use EndOfInput::{Clean, InParams, InRecord, InRequest};
    let cases: [(&str, EndOfInput, Steps); 18] = [
        ("nothing was received", Clean, |_| ()),
        ("in a header", InRecord, |harness| harness.send(&begin(1, R, true)[..1])),
        ("in BEGIN_REQUEST", InRecord, |harness| harness.send(&begin(1, R, true)[..12])),
        ("after BEGIN_REQUEST", InParams, |harness| harness.send(begin(1, R, true))),
        ("in PARAMS", InParams, |harness| harness.send([begin(1, R, true), params(1, b"\x01")].concat())),
        ("in a record of PARAMS", InParams, |harness| {
            harness.send([&begin(1, R, true), &params(1, b"\x01\x01")[..9]].concat());
        }),
        ("before STDIN", InRequest, |harness| _ = harness.open_keep_conn(1)),
        ("in a record of STDIN", InRequest, |harness| {
            harness.open_keep_conn(1);
            harness.send(&stdin(1, b"abcd")[..10]);
        }),
        ("after STDIN", InRequest, |harness| {
            harness.open_keep_conn(1);
            harness.send(stdin_end(1));
        }),
        ("answered, STDIN open", Clean, |harness| _ = answered(harness, 1, true)),
        ("answered, in a header", Clean, |harness| {
            answered(harness, 1, true);
            harness.send(&stdin(1, b"abcd")[..4]);
        }),
        ("answered, in a record of STDIN", Clean, |harness| {
            answered(harness, 1, true);
            harness.send(&stdin(1, b"abcd")[..10]);
        }),
        ("answered, in another's record", InRecord, |harness| {
            answered(harness, 1, true);
            harness.send(&begin(2, R, true)[..10]);
        }),
        ("over", Clean, |harness| {
            answered(harness, 1, true);
            harness.send(stdin_end(1));
        }),
        ("over, in the padding of the last record", Clean, |harness| {
            answered(harness, 1, true);
            harness.send(&padded(RecordType::STDIN, 1, b"", 5)[..10]);
        }),
        ("over, in the next header", InRecord, |harness| {
            answered(harness, 1, true);
            harness.send([&stdin_end(1), &begin(1, R, true)[..7]].concat());
        }),
        ("in a management record", InRecord, |harness| {
            harness.send(&record(RecordType::GET_VALUES, 0, &encode_pairs(&[("A", "")]))[..9]);
        }),
        ("rejected while closing, in a record of its PARAMS", Clean, |harness| {
            harness.server.stop_accepting();
            harness.send([&begin(1, R, true), &params(1, b"\x01\x01")[..9]].concat());
        }),
    ];
    for (what, end, steps) in cases {
        let mut harness = Harness::new();
        steps(&mut harness);
        assert_eq!(harness.server.end_of_input(), end, "{what}");
    }
}

#[test]
fn an_aborted_response_lets_other_requests_end_first() {
    let mut harness = Harness::new();
    let (cut, other) = (harness.open_keep_conn(1), harness.open_keep_conn(2));
    harness.server.stdout(cut, b"half an ans").unwrap();
    harness.send(stdin(1, b"unread"));
    harness.server.abort_response(cut).unwrap();
    assert_eq!((harness.server.active_requests(), harness.server.unread_bytes()), (1, 0));
    for result in [
        harness.server.stdout(cut, b"wer"),
        harness.server.end_request(cut, 0),
        harness.server.abort_response(cut),
    ] {
        assert_eq!(result, Err(UserError::RequestClosed));
    }
    harness.send([stdin(1, b"still sent"), stdin_end(1)].concat());
    assert_eq!(harness.written_records(), [stdout(1, b"half an ans")]);

    // Further requests are rejected; the active one is served.
    harness.send([begin(3, R, true), abort(3)].concat());
    assert_eq!(harness.written_records(), [end_request_with(3, 0, ProtocolStatus::OVERLOADED)]);
    harness.send([stdin(2, b"body"), stdin_end(2)].concat());
    assert_eq!(harness.body(other), (b"body".to_vec(), StreamState::Ended));
    assert_eq!(harness.server.close_action(), None);
    harness.server.stdout(other, b"whole").unwrap();
    harness.server.end_request(other, 0).unwrap();
    assert_eq!(harness.written_records(), [stdout(2, b"whole"), stdout(2, b""), end_request(2)]);
    assert_eq!(harness.server.close_action(), Some(CloseAction::Reset));
}

#[test]
fn an_aborted_response_always_causes_a_reset() {
    let cases: [(&str, Steps); 4] = [
        ("a graceful close", |harness| harness.server.stop_accepting()),
        ("a protocol error", |harness| _ = harness.send_invalid(begin(0, R, true))),
        ("a protocol error of the next request with its id", |harness| {
            assert_eq!(harness.send_invalid(begin(1, R, true)).kind, ProtocolErrorKind::DuplicateRequestId);
        }),
        ("requests that are rejected", |harness| {
            for id in 2..1000 {
                harness.send(begin(id, R, true));
            }
        }),
    ];
    for (what, steps) in cases {
        let mut harness = Harness::new();
        let key = harness.open_keep_conn(1);
        harness.server.abort_response(key).unwrap();
        steps(&mut harness);
        assert_eq!(harness.server.close_action(), Some(CloseAction::Reset), "{what}");
    }
}

#[test]
fn requests_can_end_or_abort_after_a_protocol_error() {
    let mut harness = Harness::new();
    let (whole, half) = (harness.open_keep_conn(1), harness.open_keep_conn(2));
    harness.server.stdout(half, b"half an ans").unwrap();
    harness.send_invalid(begin(0, R, true));
    assert_eq!(harness.server.close_action(), None, "two requests are active");
    harness.server.stdout(whole, b"whole").unwrap();
    harness.server.end_request(whole, 0).unwrap();
    harness.server.abort_response(half).unwrap();
    assert_eq!(
        harness.written_records(),
        [stdout(2, b"half an ans"), stdout(1, b"whole"), stdout(1, b""), end_request(1)]
    );
    assert_eq!(harness.server.close_action(), Some(CloseAction::Reset));
}

#[test]
fn a_closing_connection_completes_partial_params() {
    let mut harness = Harness::new();
    harness.send(begin(1, R, true));
    harness.server.stop_accepting();
    harness.send(head(2, R, true));
    assert_eq!(
        harness.written_records(),
        [end_request_with(2, 0, ProtocolStatus::OVERLOADED)],
        "a new request is rejected"
    );
    harness.send([all_params(1, &[]), stdin_end(1)].concat());
    let key = harness.request().key;
    harness.server.end_request(key, 0).unwrap();
    assert_eq!(harness.written_records(), [stdout(1, b""), end_request(1)]);
    // The web server may not have read the rejection, and is still sending that request's body.
    assert_eq!(harness.server.close_action(), Some(CloseAction::LingeringClose));
    harness.send(stdin_end(2));
    assert_eq!(harness.server.close_action(), Some(CloseAction::Close));
}

#[test]
fn a_connection_is_idle_between_requests_once_flushed() {
    let mut harness = Harness::new();
    assert!(harness.server.is_idle());
    harness.send(&begin(1, R, true)[..5]);
    assert!(!harness.server.is_idle(), "a record is incomplete");
    harness.send([&begin(1, R, true)[5..], &all_params(1, &[])].concat());
    let key = harness.request().key;
    assert!(!harness.server.is_idle());
    harness.server.end_request(key, 0).unwrap();
    assert!(!harness.server.is_idle(), "the response is unwritten");
    harness.written_records();
    assert!(harness.server.is_idle(), "although its body has not ended");
}

#[test]
fn shrinking_a_busy_connection_loses_nothing() {
    let mut harness = Harness::with(|config| config.limits.max_params_bytes = 100);
    let query = record(RecordType::GET_VALUES, 0, &encode_pairs(&[("FCGI_MPXS_CONNS", "")]));
    let wire = [query, head(1, R, true), stdin(1, b"abc"), stdin_end(1)].concat();
    for byte in wire.chunks(1) {
        harness.send(byte);
        harness.server.shrink();
    }
    let key = harness.request().key;
    assert_eq!(harness.body(key), (b"abc".to_vec(), StreamState::Ended));
    let responses = harness.written_records();
    assert_eq!(responses[0].content, encode_pairs(&[("FCGI_MPXS_CONNS", "1")]));
}

#[test]
fn an_idle_connection_frees_its_memory() {
    let mut harness = Harness::new();
    for round in 0..2 {
        let keys = [1, 2, 3].map(|id| harness.open_keep_conn(id));
        harness.send(record(RecordType::GET_VALUES, 0, &encode_pairs(&[("A", "1")])));
        for (id, key) in [1, 2, 3].into_iter().zip(keys) {
            harness.send([stdin(id, &[1; 5000]), stdin_end(id)].concat());
            harness.server.stdout(key, &vec![1; 100_000]).unwrap();
            harness.server.shrink();
            harness.server.end_request(key, 0).unwrap();
        }
        assert_eq!(harness.events().len(), 3, "round {round}: shrinking loses nothing");
        assert_eq!(harness.written_records().len(), 1 + 3 * 4);
        harness.server.shrink();
        assert_eq!(harness.server.events.capacity(), 0);
        assert_eq!(harness.server.management.capacity(), 0);
        harness.assert_usable(1);
    }
}
