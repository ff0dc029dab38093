//! ABORT_REQUEST (FastCGI §5.4) in every phase of a request.

use alloc::vec;

use super::wire::*;
use crate::server::{CloseAction, Event, RejectReason};
use crate::{ProtocolStatus, RecordType, Role, Roles, StreamState, UserError};

#[test]
fn abort_during_params_ends_the_request_silently() {
    for sent in [vec![], params(1, &encode_pairs(&[("A", "1")])), params(1, &[5])] {
        let mut harness = Harness::new();
        harness.send(begin(1, Role::RESPONDER, true));
        let key = harness.server.incomplete_heads().min().unwrap();
        harness.send([sent, abort(1)].concat());
        assert_eq!((harness.events(), harness.written_records()), (vec![], vec![end_request(1)]));
        assert_eq!((harness.server.active_requests(), harness.server.requests.len()), (0, 0));
        assert_eq!(harness.server.reject(key), Err(UserError::RequestClosed));
        harness.assert_usable(1);
    }
    let mut harness = Harness::new();
    harness.send([begin(1, Role::RESPONDER, false), abort(1)].concat());
    assert_eq!(harness.server.close_action(), Some(CloseAction::Close));
}

#[test]
fn abort_during_the_body_is_reported() {
    let mut harness = Harness::new();
    let key = harness.open_keep_conn(1);
    harness.send([stdin(1, b"half"), abort(1)].concat());
    assert_eq!(harness.events(), [Event::BodyReadable(key), Event::Aborted(key)]);
    assert_eq!(harness.written_records(), [], "the application responds");
    assert_eq!(harness.body(key), (b"half".to_vec(), StreamState::Aborted));
    assert_eq!((harness.server.active_requests(), harness.server.close_action()), (1, None));
    harness.server.end_request(key, 1).unwrap();
    harness.written_records();
    assert_eq!(harness.server.requests.len(), 0);
    harness.assert_usable(1);
}

#[test]
fn abort_after_the_body_sends_one_end_request() {
    let mut harness = Harness::new();
    let key = harness.open_keep_conn(1);
    harness.send([stdin(1, b"whole"), stdin_end(1), abort(1)].concat());
    assert_eq!(harness.events(), [Event::BodyReadable(key), Event::Aborted(key)]);
    assert_eq!(harness.body(key), (b"whole".to_vec(), StreamState::Ended), "the body had come to its end");
    harness.server.end_request(key, 0).unwrap();
    assert_eq!(harness.server.stdout(key, b"too late"), Err(UserError::RequestClosed));
    assert_eq!(harness.server.end_request(key, 0), Err(UserError::RequestClosed));
    assert_eq!(harness.written_records(), [stdout(1, b""), end_request(1)]);
    harness.assert_usable(1);
}

#[test]
fn abort_mid_response_leaves_the_end_to_the_caller() {
    let mut harness = Harness::new();
    let key = harness.open_keep_conn(1);
    harness.server.stdout(key, b"a part").unwrap();
    harness.send(abort(1));
    assert_eq!(harness.events(), [Event::Aborted(key)]);
    harness.server.stdout(key, b", and the rest").unwrap();
    harness.server.end_request(key, 0).unwrap();
    assert_eq!(
        harness.written_records(),
        [stdout(1, b"a part, and the rest"), stdout(1, b""), end_request(1)]
    );
    harness.assert_usable(1);
}

#[test]
fn abort_in_either_body_of_a_filter() {
    let data = record(RecordType::DATA, 1, b"data");
    let cases = [
        (vec![], StreamState::Aborted, StreamState::Aborted),
        (stdin_end(1), StreamState::Aborted, StreamState::Aborted),
        ([stdin_end(1), data.clone()].concat(), StreamState::Aborted, StreamState::Aborted),
        (
            [stdin_end(1), data, stream_end(RecordType::DATA, 1)].concat(),
            StreamState::Ended,
            StreamState::Ended,
        ),
    ];
    for (sent, body, data) in cases {
        let mut harness = Harness::with(|config| config.roles = Roles::ALL);
        let key = harness.open(1, Role::FILTER, true);
        harness.send([sent, abort(1)].concat());
        assert_eq!(harness.events().last(), Some(&Event::Aborted(key)));
        assert_eq!((harness.body(key).1, harness.data(key).1), (body, data));
        harness.server.end_request(key, 0).unwrap();
        assert_eq!((harness.server.requests.len(), harness.server.unread_bytes()), (0, 0));
    }
}

#[test]
fn abort_of_an_authorizer_is_reported() {
    let mut harness = Harness::with(|config| config.roles = Roles::ALL);
    let key = harness.open(1, Role::AUTHORIZER, true);
    harness.send(abort(1));
    assert_eq!(harness.events(), [Event::Aborted(key)]);
    harness.server.end_request(key, 0).unwrap();
    assert_eq!(harness.written_records(), [stdout(1, b""), end_request(1)]);
}

#[test]
fn abort_of_a_rejected_request_is_reported() {
    let mut harness = Harness::with(|config| config.limits.max_params_bytes = 10);
    harness.send([begin(1, Role::RESPONDER, true), params(1, &[11, 0]), abort(1)].concat());
    let events = harness.events();
    let [Event::Rejected(key, RejectReason::TooManyBytes), Event::Aborted(aborted)] = events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(key, aborted);
    harness.server.end_request(key, 0).unwrap();
    assert_eq!(harness.written_records(), [stdout(1, b""), end_request(1)]);
    harness.assert_usable(1);
}

#[test]
fn abort_of_an_answered_open_request_frees_its_id() {
    let mut harness = Harness::new();
    let key = harness.open_keep_conn(1);
    harness.send(stdin(1, b"x"));
    harness.server.end_request(key, 0).unwrap();
    harness.written_records();
    harness.events();
    harness.send(abort(1));
    assert_eq!(
        (harness.events(), harness.written_records(), harness.server.requests.len()),
        (vec![], vec![], 0)
    );
    harness.assert_usable(1);
}

#[test]
fn abort_of_an_unknown_or_finished_id_is_ignored() {
    let mut harness = Harness::new();
    harness.send([abort(1), abort(65_535)].concat());
    let key = harness.open_keep_conn(1);
    harness.send(stdin_end(1));
    harness.server.end_request(key, 0).unwrap();
    harness.written_records();
    harness.events();
    harness.send([abort(1), abort(1)].concat());
    assert_eq!((harness.events(), harness.written_records()), (vec![], vec![]));
    harness.assert_usable(1);
}

#[test]
fn abort_of_an_aborted_response_changes_nothing() {
    let mut harness = Harness::new();
    let key = harness.open_keep_conn(1);
    harness.server.stdout(key, b"half an ans").unwrap();
    harness.server.abort_response(key).unwrap();
    harness.send(abort(1));
    assert_eq!((harness.events(), harness.written_records()), (vec![], vec![stdout(1, b"half an ans")]));
    assert_eq!(harness.server.close_action(), Some(CloseAction::Reset));
}

#[test]
fn an_abandoned_response_closes_once_none_is_active() {
    let mut harness = Harness::new();
    let [abandoned, other] = [1, 2].map(|id| harness.open_keep_conn(id));
    harness.server.stdout(abandoned, b"half an ans").unwrap();
    harness.send([stdin_end(1), abort(1)].concat());
    assert_eq!(harness.events().last(), Some(&Event::Aborted(abandoned)));
    harness.server.abandon_response(abandoned).unwrap();
    for result in [
        harness.server.end_request(abandoned, 0),
        harness.server.abort_response(abandoned),
        harness.server.abandon_response(abandoned),
    ] {
        assert_eq!(result, Err(UserError::RequestClosed));
    }
    assert_eq!(harness.server.close_action(), None, "another request is active");
    let late = harness.open_keep_conn(3);
    for (id, key) in [(2, other), (3, late)] {
        harness.server.stdout(key, b"whole").unwrap();
        harness.server.end_request(key, 0).unwrap();
        harness.send(stdin_end(id));
    }
    let whole = [2, 3].map(|id| [stdout(id, b"whole"), stdout(id, b""), end_request(id)]).concat();
    assert_eq!(harness.written_records(), [vec![stdout(1, b"half an ans")], whole].concat());
    assert_eq!(harness.server.close_action(), Some(CloseAction::LingeringClose));
}

#[test]
fn abandoning_does_not_reopen_a_closing_connection() {
    for how in [CloseAction::LingeringClose, CloseAction::Reset] {
        let mut harness = Harness::new();
        let [abandoned, other] = [1, 2].map(|id| harness.open_keep_conn(id));
        match how {
            CloseAction::Reset => harness.server.abort_response(other).unwrap(),
            _ => harness.server.stop_accepting(),
        }
        harness.server.abandon_response(abandoned).unwrap();
        harness.send(head(3, Role::RESPONDER, true));
        assert_eq!(harness.written_records(), [end_request_with(3, 0, ProtocolStatus::OVERLOADED)]);
        if harness.server.active_requests() > 0 {
            harness.server.end_request(other, 0).unwrap();
        }
        assert_eq!(harness.server.close_action(), Some(how));
    }
}

#[test]
fn abort_of_one_multiplexed_request_leaves_the_others() {
    let mut harness = Harness::new();
    let keys = [1, 2, 3].map(|id| harness.open_keep_conn(id));
    harness.send([stdin(1, b"one"), stdin(2, b"two"), stdin(3, b"three"), abort(2)].concat());
    let [one, two, three] = keys;
    let expected =
        [Event::BodyReadable(one), Event::BodyReadable(two), Event::BodyReadable(three), Event::Aborted(two)];
    assert_eq!(harness.events(), expected);
    harness.server.end_request(two, 0).unwrap();
    harness.send([stdin_end(1), stdin_end(3)].concat());
    assert_eq!(harness.body(one), (b"one".to_vec(), StreamState::Ended));
    assert_eq!(harness.body(three), (b"three".to_vec(), StreamState::Ended));
    for key in [three, one] {
        harness.server.end_request(key, 0).unwrap();
    }
    assert_eq!(
        harness.written_records(),
        [stdout(2, b""), end_request(2), stdout(3, b""), end_request(3), stdout(1, b""), end_request(1)]
    );
    harness.assert_usable(2);
}

#[test]
fn late_records_of_an_aborted_request_are_dropped() {
    let mut harness = Harness::with(|config| config.roles = Roles::ALL);
    let key = harness.open_keep_conn(1);
    harness.send(abort(1));
    harness.send(
        [stdin(1, b"crossed"), stdin_end(1), params(1, b"x"), stream_end(RecordType::PARAMS, 1)].concat(),
    );
    harness.send([record(RecordType::DATA, 1, b"x"), stream_end(RecordType::DATA, 1)].concat());
    assert_eq!(harness.events(), [Event::Aborted(key)]);
    assert_eq!((harness.body(key), harness.server.unread_bytes()), ((vec![], StreamState::Aborted), 0));
}

#[test]
fn a_repeated_abort_is_reported_once() {
    for input in [vec![], stdin_end(1)] {
        let mut harness = Harness::new();
        let key = harness.open_keep_conn(1);
        harness.send(input);
        harness.events();
        harness.send(abort(1).repeat(1000));
        assert_eq!(harness.events(), [Event::Aborted(key)]);
    }
}

#[test]
fn the_content_of_an_abort_is_ignored() {
    let mut harness = Harness::new();
    let key = harness.open_keep_conn(1);
    let wire = padded(RecordType::ABORT_REQUEST, 1, &[0; 300], 9);
    let (before_end, end) = wire.split_at(8 + 299);
    for byte in before_end.chunks(1) {
        harness.send(byte);
    }
    assert_eq!(harness.events(), [], "the record is incomplete");
    harness.send(end);
    assert_eq!(harness.events(), [Event::Aborted(key)]);
}
