//! What a request or a connection over a limit is told, and that nobody else pays for it.

use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use super::wire::*;
use crate::server::{CloseAction, Event, OverloadResponse, RejectReason};
use crate::{ProtocolStatus, RecordType, RequestKey, Role, StreamState, UserError};

const R: Role = Role::RESPONDER;
const UNAVAILABLE: &[u8] = b"Status: 503 Service Unavailable\r\n\r\n";

#[test]
fn params_at_a_limit_pass_and_one_more_is_rejected() {
    let table = [
        ("bytes, to the limit", pairs(&[("N", "12345678")]), None),
        ("bytes, one over", pairs(&[("N", "123456789")]), Some(RejectReason::TooManyBytes)),
        ("pairs, to the limit", vec![0; 6], None),
        ("pairs, one over", vec![0; 8], Some(RejectReason::TooManyParams)),
        ("pairs, half of one over", vec![0; 7], None),
        ("pairs over the limit before bytes over it", vec![0; 100], Some(RejectReason::TooManyParams)),
        ("bytes over the limit before pairs over it", [&[0, 9][..], &[0; 100]].concat(), None),
        ("bytes, by a length that says so", vec![1, 10, b'N'], Some(RejectReason::TooManyBytes)),
    ];
    for (what, encoded, refusal) in table {
        // What a request is refused for does not hang on where its records or its reads are cut.
        for size in [1, 2, 5, encoded.len()] {
            let mut link = Link::with(|config| {
                config.limits.max_params_bytes = 11;
                config.limits.max_params = 3;
            });
            link.send(begin(1, R, true));
            let key = link.app.incomplete_heads().min().unwrap();
            for part in encoded.chunks(size) {
                link.send(params(1, part));
            }
            let expected = match refusal {
                _ if what.starts_with("bytes over") => vec![Event::Rejected(key, RejectReason::TooManyBytes)],
                Some(refusal) => vec![Event::Rejected(key, refusal)],
                None => vec![],
            };
            assert_eq!(link.events(), expected, "{what}, in records of {size}");
        }
    }
}

#[test]
fn a_rejected_request_leaves_the_connection_usable() {
    for refusal in [RejectReason::TooManyBytes, RejectReason::TooManyParams] {
        let mut link = Link::with(|config| {
            config.limits.max_params_bytes = 10;
            config.limits.max_params = 3;
        });
        let over = if refusal == RejectReason::TooManyBytes { vec![11, 0] } else { vec![0; 8] };
        link.send([begin(1, R, true), params(1, &over)].concat());
        let events = link.events();
        let [Event::Rejected(key, reason)] = events[..] else { panic!("{events:?}") };
        assert_eq!((reason, link.app.active_requests()), (refusal, 1));
        // More of what is too much already, before the answer and after it.
        link.send(params(1, &[0xff; 60_000]));
        assert_eq!(link.app.requests.by_key(key).unwrap().params.capacity(), 0, "nothing is kept");
        link.app.stdout(key, b"Status: 431\r\n\r\n").unwrap();
        link.app.end_request(key, 0).unwrap();
        assert_eq!(link.answers(), [out(1, b"Status: 431\r\n\r\n"), out(1, b""), end(1)]);
        link.send([params(1, &[0xff; 60_000]), end_of(RecordType::PARAMS, 1)].concat());
        link.send([stdin(1, b"x"), end_of_stdin(1)].concat());
        assert_eq!((link.events(), link.app.requests.len()), (vec![], 0));
        link.is_usable_for(1);
    }
}

#[test]
fn params_of_all_requests_share_a_limit() {
    let mut link = Link::with(|config| config.limits.max_total_params_bytes = 30);
    let ten = pairs(&[("N", "1234567")]);
    let whole = |id| {
        [begin(id, R, true), params(id, &ten), end_of(RecordType::PARAMS, id), end_of_stdin(id)].concat()
    };
    let heads = |link: &mut Link| {
        let events = link.events().into_iter();
        events.filter(|event| !matches!(event, Event::BodyReadable(_))).collect::<Vec<_>>()
    };
    // Two that are with the application, and one that is half there.
    link.send([whole(1), whole(2), begin(3, R, true), params(3, &ten[..5])].concat());
    let events = heads(&mut link);
    let [Event::Request(first), Event::Request(second)] = &events[..] else { panic!("{events:?}") };
    link.send(whole(4));
    let events = heads(&mut link);
    let [Event::Rejected(fourth, RejectReason::TooManyBytes)] = events[..] else { panic!("{events:?}") };
    link.app.end_request(fourth, 0).unwrap();
    // Each way in which a request can end makes room for as many bytes as it had: answered, cut short, aborted.
    link.app.end_request(first.key, 0).unwrap();
    link.send(abort(3));
    link.send(whole(1));
    assert!(matches!(heads(&mut link)[..], [Event::Request(_)]));
    link.send([begin(5, R, true), params(5, &ten)].concat());
    assert_eq!(heads(&mut link), []);
    let key = link.app.incomplete_heads().min().unwrap();
    link.app.reject(key).unwrap();
    link.app.end_request(key, 0).unwrap();
    link.app.end_request(second.key, 0).unwrap();
    link.send([whole(6), whole(7)].concat());
    assert!(matches!(heads(&mut link)[..], [Event::Request(_), Event::Request(_)]));
    link.send(whole(8));
    assert!(matches!(heads(&mut link)[..], [Event::Rejected(..)]), "it is the sum that counts");
}

#[test]
fn a_request_refused_before_its_body_has_none_to_read() {
    let mut link = Link::with(|config| config.limits.max_params_bytes = 10);
    link.send([begin(1, R, true), params(1, &[11, 0]), end_of(RecordType::PARAMS, 1)].concat());
    let events = link.events();
    let [Event::Rejected(key, _)] = events[..] else { panic!("{events:?}") };
    link.send(stdin(1, &[b'x'; 60_000]));
    assert_eq!((link.app.unread_bytes(), link.body(key)), (0, (vec![], StreamState::Open)));
    link.send(end_of_stdin(1));
    assert_eq!((link.events(), link.body(key)), (vec![], (vec![], StreamState::Ended)));
    link.app.end_request(key, 0).unwrap();
    assert_eq!(link.app.requests.len(), 0);
}

/// Others in every state in which a request can be alive, and what is needed to end each of them well.
fn busy(overload: OverloadResponse) -> (Link, [RequestKey; 4]) {
    let mut link = Link::with(|config| {
        config.limits.max_concurrent_requests = 4;
        config.overload_response = overload;
    });
    link.send(begin(1, R, true));
    let in_params = link.app.incomplete_heads().min().unwrap();
    let in_body = link.open_kept(2);
    link.send(stdin(2, b"half of a "));
    link.events();
    let answering = link.open_kept(3);
    link.send(end_of_stdin(3));
    link.events();
    link.app.stdout(answering, b"half an ").unwrap();
    let aborted = link.open_kept(4);
    link.send(abort(4));
    link.events();
    link.answers();
    (link, [in_params, in_body, answering, aborted])
}

#[test]
fn a_request_over_the_limit_is_rejected_alone() {
    let status = |status| (OverloadResponse::Status(status), vec![ended(9, 0, status)]);
    let table = [
        status(ProtocolStatus::OVERLOADED),
        status(ProtocolStatus::CANT_MPX_CONN),
        (
            OverloadResponse::Stdout(Bytes::from_static(UNAVAILABLE)),
            vec![out(9, UNAVAILABLE), out(9, b""), end(9)],
        ),
    ];
    for (overload, told) in table {
        let (mut link, [in_params, in_body, answering, aborted]) = busy(overload.clone());
        link.send(begin(9, R, true));
        assert_eq!(link.answers(), told, "at once");
        link.send([all_params(9, &[("A", "1")]), stdin(9, b"x"), end_of_stdin(9)].concat());
        assert_eq!((link.events(), link.answers(), link.app.active_requests()), (vec![], vec![], 4));

        link.send([all_params(1, &[]), end_of_stdin(1), stdin(2, b"body"), end_of_stdin(2)].concat());
        assert_eq!(link.request().key, in_params);
        assert_eq!(link.body(in_body), (b"half of a body".to_vec(), StreamState::Ended));
        link.app.stdout(answering, b"answer").unwrap();
        for key in [answering, aborted, in_body, in_params] {
            link.app.end_request(key, 0).unwrap();
        }
        let mut expected = vec![out(3, b"answer")];
        expected.extend([3, 4, 2, 1].into_iter().flat_map(|id| [out(id, b""), end(id)]));
        assert_eq!(link.answers(), expected, "{overload:?}");
        assert_eq!((link.app.requests.len(), link.app.unread_bytes()), (0, 0));
        link.events();
        link.is_usable_for(9);
    }
}

#[test]
fn a_long_overload_response_is_split() {
    let (mut link, _) = busy(OverloadResponse::Stdout(vec![b'x'; 70_000].into()));
    link.send(begin(9, R, true));
    let lens: Vec<_> = link.answers().iter().map(|record| record.content.len()).collect();
    assert_eq!(lens, [65_535, 4465, 0, 8]);
}

#[test]
fn a_rejected_id_can_be_begun_again_or_given_up() {
    let (mut link, [.., aborted]) = busy(OverloadResponse::Status(ProtocolStatus::OVERLOADED));
    link.send([begin(9, R, true), begin(9, R, true), abort(9), abort(9)].concat());
    assert_eq!(link.answers().len(), 2);
    link.app.end_request(aborted, 0).unwrap();
    link.answers();
    link.is_usable_for(9);
}

#[test]
fn answered_ids_with_open_bodies_are_limited() {
    let mut link = Link::with(|config| config.limits.max_half_closed_requests = 3);
    let last = link.open_kept(100);
    for id in 1..=3 {
        let key = link.open_kept(id);
        link.app.end_request(key, 0).unwrap();
    }
    // One of them ends: there is room for one more.
    link.send(end_of_stdin(2));
    link.answers();
    link.is_usable_for(50);
    let key = link.open_kept(4);
    link.app.end_request(key, 0).unwrap();
    let over = link.open_kept(5);
    link.app.end_request(over, 0).unwrap();
    link.answers();

    link.send(head(6, R, true));
    assert_eq!(link.answers(), [ended(6, 0, ProtocolStatus::OVERLOADED)], "it takes no more");
    assert_eq!(link.app.close_action(), None, "one is alive");
    link.app.stdout(last, b"served").unwrap();
    link.app.end_request(last, 0).unwrap();
    assert_eq!(link.answers(), [out(100, b"served"), out(100, b""), end(100)]);
    assert_eq!(link.app.close_action(), Some(CloseAction::LingeringClose));
}

#[test]
fn rejected_ids_are_bounded_too() {
    let mut link = Link::with(|config| {
        config.limits.max_concurrent_requests = 1;
        config.limits.max_half_closed_requests = 10;
    });
    let key = link.open_kept(1);
    for id in 2..=65_535 {
        link.send(begin(id, R, true));
        assert_eq!(link.answers(), [ended(id, 0, ProtocolStatus::OVERLOADED)]);
    }
    assert!(link.app.requests.len() <= 12, "{}", link.app.requests.len());
    link.app.end_request(key, 0).unwrap();
    assert_eq!(link.app.close_action(), Some(CloseAction::LingeringClose));
}

#[test]
fn a_peer_with_only_rejected_requests_is_closed() {
    let mut link = Link::with(|config| config.limits.max_half_closed_requests = 2);
    for (id, close) in
        [(1, None), (2, None), (3, Some(CloseAction::LingeringClose)), (4, Some(CloseAction::LingeringClose))]
    {
        link.send(begin(id, Role(9), true));
        assert_eq!(link.app.close_action(), close, "after {id}");
    }
}

#[test]
fn an_id_reused_with_an_open_body_counts_once() {
    let mut link = Link::with(|config| config.limits.max_half_closed_requests = 1);
    for _ in 0..1000 {
        let key = link.open_kept(1);
        link.send(stdin(1, b"never ends"));
        link.app.end_request(key, 0).unwrap();
        link.events();
    }
    assert_eq!((link.app.close_action(), link.app.requests.len(), link.app.unread_bytes()), (None, 1, 0));
}

#[test]
fn limits_of_zero_reject_everything_without_a_panic() {
    let mut link = Link::with(|config| {
        config.limits.max_params_bytes = 0;
        config.limits.max_total_params_bytes = 0;
        config.limits.max_params = 0;
        config.limits.max_concurrent_requests = 0;
        config.limits.max_half_closed_requests = 0;
        config.limits.request_window = 0;
        config.limits.connection_window = 0;
        config.limits.max_management_bytes = 0;
        config.limits.max_control_bytes = 0;
        config.limits.max_stderr_record = 0;
    });
    assert!(link.app.wants_read(), "or nothing could ever come");
    link.send([head(1, R, true), record(RecordType::GET_VALUES, 0, b"")].concat());
    assert_eq!(link.events(), []);
    assert_eq!(link.app.close_action(), Some(CloseAction::LingeringClose));

    let mut link = Link::with(|config| {
        config.limits.max_params_bytes = 0;
        config.limits.max_stderr_record = 0;
    });
    link.send(head(1, R, true));
    let events = link.events();
    let [Event::Rejected(key, RejectReason::TooManyBytes)] = events[..] else { panic!("{events:?}") };
    link.app.stderr(key, b"ab").unwrap();
    assert_eq!(link.answers(), [err(1, b"a"), err(1, b"b")]);
    link.app.end_request(key, 0).unwrap();
    assert_eq!(link.app.end_request(key, 0), Err(UserError::RequestClosed));
}

#[test]
fn what_is_dropped_is_counted_until_a_request_comes() {
    let mut link = Link::with(|config| config.limits.max_params_bytes = 10);
    link.send([begin(1, R, true), params(1, &[11, 0])].concat());
    let events = link.events();
    let [Event::Rejected(key, _)] = events[..] else { panic!("{events:?}") };
    link.app.end_request(key, 0).unwrap();
    assert_eq!((link.app.discarded_bytes(), link.app.half_closed_requests()), (0, 1), "it was looked at");
    let over = params(1, &[0; 100]);
    link.send(&over[..50]);
    assert_eq!(link.app.discarded_bytes(), 50, "as it comes");
    link.send(&over[50..]);
    link.send(params(1, &[0; 100]));
    assert_eq!(link.app.discarded_bytes(), 2 * 108);
    // The end of the PARAMS, and of STDIN, is nothing that is dropped.
    link.send([params(1, b""), stdin(1, b"")].concat());
    assert_eq!((link.app.discarded_bytes(), link.app.half_closed_requests()), (216, 0));
    link.send([stdin(1, b"late"), stdin(7, b"of none")].concat());
    assert_eq!(link.app.discarded_bytes(), 216 + 12 + 15);
    link.send([begin(1, R, true), params(1, b"")].concat());
    assert_eq!(link.app.discarded_bytes(), 0);
}
