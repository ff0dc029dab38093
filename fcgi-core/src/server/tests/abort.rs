//! ABORT_REQUEST (FastCGI §5.4) in every phase of a request.

use alloc::vec;

use super::wire::*;
use crate::server::{CloseAction, Event, RejectReason};
use crate::{ProtocolStatus, RecordType, Role, Roles, StreamState, UserError};

#[test]
fn abort_during_params_ends_the_request_silently() {
    for sent in [vec![], params(1, &pairs(&[("A", "1")])), params(1, &[5])] {
        let mut link = Link::new();
        link.send(begin(1, Role::RESPONDER, true));
        let key = link.app.incomplete_heads().min().unwrap();
        link.send([sent, abort(1)].concat());
        assert_eq!((link.events(), link.answers()), (vec![], vec![end(1)]));
        assert_eq!((link.app.active_requests(), link.app.requests.len()), (0, 0));
        assert_eq!(link.app.reject(key), Err(UserError::RequestClosed));
        link.is_usable_for(1);
    }
    let mut link = Link::new();
    link.send([begin(1, Role::RESPONDER, false), abort(1)].concat());
    assert_eq!(link.app.close_action(), Some(CloseAction::Close));
}

#[test]
fn abort_during_the_body_is_reported() {
    let mut link = Link::new();
    let key = link.open_kept(1);
    link.send([stdin(1, b"half"), abort(1)].concat());
    assert_eq!(link.events(), [Event::BodyReadable(key), Event::Aborted(key)]);
    assert_eq!(link.answers(), [], "the answer is the application's");
    assert_eq!(link.body(key), (b"half".to_vec(), StreamState::Aborted));
    assert_eq!((link.app.active_requests(), link.app.close_action()), (1, None));
    link.app.end_request(key, 1).unwrap();
    link.answers();
    assert_eq!(link.app.requests.len(), 0);
    link.is_usable_for(1);
}

#[test]
fn abort_after_the_body_sends_one_end_request() {
    let mut link = Link::new();
    let key = link.open_kept(1);
    link.send([stdin(1, b"whole"), end_of_stdin(1), abort(1)].concat());
    assert_eq!(link.events(), [Event::BodyReadable(key), Event::Aborted(key)]);
    assert_eq!(link.body(key), (b"whole".to_vec(), StreamState::Ended), "the body had come to its end");
    link.app.end_request(key, 0).unwrap();
    assert_eq!(link.app.stdout(key, b"too late"), Err(UserError::RequestClosed));
    assert_eq!(link.app.end_request(key, 0), Err(UserError::RequestClosed));
    assert_eq!(link.answers(), [out(1, b""), end(1)]);
    link.is_usable_for(1);
}

#[test]
fn abort_mid_response_leaves_the_end_to_the_caller() {
    let mut link = Link::new();
    let key = link.open_kept(1);
    link.app.stdout(key, b"a part").unwrap();
    link.send(abort(1));
    assert_eq!(link.events(), [Event::Aborted(key)]);
    link.app.stdout(key, b", and the rest").unwrap();
    link.app.end_request(key, 0).unwrap();
    assert_eq!(link.answers(), [out(1, b"a part, and the rest"), out(1, b""), end(1)]);
    link.is_usable_for(1);
}

#[test]
fn abort_in_either_body_of_a_filter() {
    let data = record(RecordType::DATA, 1, b"data");
    let table = [
        (vec![], StreamState::Aborted, StreamState::Aborted),
        (end_of_stdin(1), StreamState::Aborted, StreamState::Aborted),
        ([end_of_stdin(1), data.clone()].concat(), StreamState::Aborted, StreamState::Aborted),
        (
            [end_of_stdin(1), data, end_of(RecordType::DATA, 1)].concat(),
            StreamState::Ended,
            StreamState::Ended,
        ),
    ];
    for (sent, body, data) in table {
        let mut link = Link::with(|config| config.roles = Roles::ALL);
        let key = link.open(1, Role::FILTER, true);
        link.send([sent, abort(1)].concat());
        assert_eq!(link.events().last(), Some(&Event::Aborted(key)));
        assert_eq!((link.body(key).1, link.data(key).1), (body, data));
        link.app.end_request(key, 0).unwrap();
        assert_eq!((link.app.requests.len(), link.app.unread_bytes()), (0, 0));
    }
}

#[test]
fn abort_of_an_authorizer_is_told() {
    let mut link = Link::with(|config| config.roles = Roles::ALL);
    let key = link.open(1, Role::AUTHORIZER, true);
    link.send(abort(1));
    assert_eq!(link.events(), [Event::Aborted(key)]);
    link.app.end_request(key, 0).unwrap();
    assert_eq!(link.answers(), [out(1, b""), end(1)]);
}

#[test]
fn abort_of_a_refused_request_is_told() {
    let mut link = Link::with(|config| config.limits.max_params_bytes = 10);
    link.send([begin(1, Role::RESPONDER, true), params(1, &[11, 0]), abort(1)].concat());
    let events = link.events();
    let [Event::Rejected(key, RejectReason::TooManyBytes), Event::Aborted(aborted)] = events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(key, aborted);
    link.app.end_request(key, 0).unwrap();
    assert_eq!(link.answers(), [out(1, b""), end(1)]);
    link.is_usable_for(1);
}

#[test]
fn abort_of_an_answered_open_request_frees_its_id() {
    let mut link = Link::new();
    let key = link.open_kept(1);
    link.send(stdin(1, b"x"));
    link.app.end_request(key, 0).unwrap();
    link.answers();
    link.events();
    link.send(abort(1));
    assert_eq!((link.events(), link.answers(), link.app.requests.len()), (vec![], vec![], 0));
    link.is_usable_for(1);
}

#[test]
fn abort_of_an_unknown_or_finished_id_is_ignored() {
    let mut link = Link::new();
    link.send([abort(1), abort(65_535)].concat());
    let key = link.open_kept(1);
    link.send(end_of_stdin(1));
    link.app.end_request(key, 0).unwrap();
    link.answers();
    link.events();
    link.send([abort(1), abort(1)].concat());
    assert_eq!((link.events(), link.answers()), (vec![], vec![]));
    link.is_usable_for(1);
}

#[test]
fn abort_of_an_aborted_response_changes_nothing() {
    let mut link = Link::new();
    let key = link.open_kept(1);
    link.app.stdout(key, b"half an ans").unwrap();
    link.app.abort_response(key).unwrap();
    link.send(abort(1));
    assert_eq!((link.events(), link.answers()), (vec![], vec![out(1, b"half an ans")]));
    assert_eq!(link.app.close_action(), Some(CloseAction::Reset));
}

#[test]
fn an_abandoned_response_closes_once_none_is_active() {
    let mut link = Link::new();
    let [abandoned, other] = [1, 2].map(|id| link.open_kept(id));
    link.app.stdout(abandoned, b"half an ans").unwrap();
    link.send([end_of_stdin(1), abort(1)].concat());
    assert_eq!(link.events().last(), Some(&Event::Aborted(abandoned)));
    link.app.abandon_response(abandoned).unwrap();
    for misuse in [
        link.app.end_request(abandoned, 0),
        link.app.abort_response(abandoned),
        link.app.abandon_response(abandoned),
    ] {
        assert_eq!(misuse, Err(UserError::RequestClosed));
    }
    assert_eq!(link.app.close_action(), None, "another is alive");
    let late = link.open_kept(3);
    for (id, key) in [(2, other), (3, late)] {
        link.app.stdout(key, b"whole").unwrap();
        link.app.end_request(key, 0).unwrap();
        link.send(end_of_stdin(id));
    }
    let whole = [2, 3].map(|id| [out(id, b"whole"), out(id, b""), end(id)]).concat();
    assert_eq!(link.answers(), [vec![out(1, b"half an ans")], whole].concat());
    assert_eq!(link.app.close_action(), Some(CloseAction::LingeringClose));
}

#[test]
fn abandoning_does_not_reopen_a_closing_connection() {
    for how in [CloseAction::LingeringClose, CloseAction::Reset] {
        let mut link = Link::new();
        let [abandoned, other] = [1, 2].map(|id| link.open_kept(id));
        match how {
            CloseAction::Reset => link.app.abort_response(other).unwrap(),
            _ => link.app.stop_accepting(),
        }
        link.app.abandon_response(abandoned).unwrap();
        link.send(head(3, Role::RESPONDER, true));
        assert_eq!(link.answers(), [ended(3, 0, ProtocolStatus::OVERLOADED)]);
        if link.app.active_requests() > 0 {
            link.app.end_request(other, 0).unwrap();
        }
        assert_eq!(link.app.close_action(), Some(how));
    }
}

#[test]
fn abort_of_one_multiplexed_request_leaves_the_others() {
    let mut link = Link::new();
    let keys = [1, 2, 3].map(|id| link.open_kept(id));
    link.send([stdin(1, b"one"), stdin(2, b"two"), stdin(3, b"three"), abort(2)].concat());
    let [one, two, three] = keys;
    let expected =
        [Event::BodyReadable(one), Event::BodyReadable(two), Event::BodyReadable(three), Event::Aborted(two)];
    assert_eq!(link.events(), expected);
    link.app.end_request(two, 0).unwrap();
    link.send([end_of_stdin(1), end_of_stdin(3)].concat());
    assert_eq!(link.body(one), (b"one".to_vec(), StreamState::Ended));
    assert_eq!(link.body(three), (b"three".to_vec(), StreamState::Ended));
    for key in [three, one] {
        link.app.end_request(key, 0).unwrap();
    }
    assert_eq!(link.answers(), [out(2, b""), end(2), out(3, b""), end(3), out(1, b""), end(1)]);
    link.is_usable_for(2);
}

#[test]
fn late_records_of_an_aborted_request_are_dropped() {
    let mut link = Link::with(|config| config.roles = Roles::ALL);
    let key = link.open_kept(1);
    link.send(abort(1));
    link.send(
        [stdin(1, b"crossed"), end_of_stdin(1), params(1, b"x"), end_of(RecordType::PARAMS, 1)].concat(),
    );
    link.send([record(RecordType::DATA, 1, b"x"), end_of(RecordType::DATA, 1)].concat());
    assert_eq!(link.events(), [Event::Aborted(key)]);
    assert_eq!((link.body(key), link.app.unread_bytes()), ((vec![], StreamState::Aborted), 0));
}

#[test]
fn an_abort_that_is_repeated_is_told_once() {
    for input in [vec![], end_of_stdin(1)] {
        let mut link = Link::new();
        let key = link.open_kept(1);
        link.send(input);
        link.events();
        link.send(abort(1).repeat(1000));
        assert_eq!(link.events(), [Event::Aborted(key)]);
    }
}

#[test]
fn the_content_of_an_abort_means_nothing() {
    let mut link = Link::new();
    let key = link.open_kept(1);
    let wire = padded(RecordType::ABORT_REQUEST, 1, &[0; 300], 9);
    let (before_end, end) = wire.split_at(8 + 299);
    for byte in before_end.chunks(1) {
        link.send(byte);
    }
    assert_eq!(link.events(), [], "a record counts when it is whole");
    link.send(end);
    assert_eq!(link.events(), [Event::Aborted(key)]);
}
