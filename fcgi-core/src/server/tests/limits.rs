//! Requests and connections over a limit, and that others are not affected.

use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use super::wire::*;
use crate::server::{CloseAction, Event, OverloadResponse, RejectReason, RejectedAtBegin};
use crate::{ProtocolStatus, RecordType, RequestKey, Role, StreamState, UserError};

const R: Role = Role::RESPONDER;
const UNAVAILABLE: &[u8] = b"Status: 503 Service Unavailable\r\n\r\n";

#[test]
fn params_at_a_limit_pass_and_one_more_is_rejected() {
    let cases = [
        ("bytes, to the limit", encode_pairs(&[("N", "12345678")]), None),
        ("bytes, one over", encode_pairs(&[("N", "123456789")]), Some(RejectReason::TooManyBytes)),
        ("pairs, to the limit", vec![0; 6], None),
        ("pairs, one over", vec![0; 8], Some(RejectReason::TooManyParams)),
        ("pairs, half of the next", vec![0; 7], None),
        ("pairs over the limit before bytes over it", vec![0; 100], Some(RejectReason::TooManyParams)),
        ("bytes over the limit before pairs over it", [&[0, 9][..], &[0; 100]].concat(), None),
        ("bytes, by the length of a pair", vec![1, 10, b'N'], Some(RejectReason::TooManyBytes)),
    ];
    for (what, encoded, reason) in cases {
        // The reason does not depend on how the bytes are split.
        for size in [1, 2, 5, encoded.len()] {
            let mut harness = Harness::with(|config| {
                config.limits.max_params_bytes = 11;
                config.limits.max_params = 3;
            });
            harness.send(begin(1, R, true));
            let key = harness.server.incomplete_heads().min().unwrap();
            for part in encoded.chunks(size) {
                harness.send(params(1, part));
            }
            let expected = match reason {
                _ if what.starts_with("bytes over") => vec![Event::Rejected(key, RejectReason::TooManyBytes)],
                Some(reason) => vec![Event::Rejected(key, reason)],
                None => vec![],
            };
            assert_eq!(harness.events(), expected, "{what}, in records of {size}");
        }
    }
}

#[test]
fn a_rejected_request_leaves_the_connection_usable() {
    for expected in [RejectReason::TooManyBytes, RejectReason::TooManyParams] {
        let mut harness = Harness::with(|config| {
            config.limits.max_params_bytes = 10;
            config.limits.max_params = 3;
        });
        let over = if expected == RejectReason::TooManyBytes { vec![11, 0] } else { vec![0; 8] };
        harness.send([begin(1, R, true), params(1, &over)].concat());
        let events = harness.events();
        let [Event::Rejected(key, reason)] = events[..] else { panic!("{events:?}") };
        assert_eq!((reason, harness.server.active_requests()), (expected, 1));
        // More PARAMS, before and after the response.
        harness.send(params(1, &[0xff; 60_000]));
        assert_eq!(harness.server.requests.by_key(key).unwrap().params.capacity(), 0, "nothing is buffered");
        harness.server.stdout(key, b"Status: 431\r\n\r\n").unwrap();
        harness.server.end_request(key, 0).unwrap();
        assert_eq!(
            harness.written_records(),
            [stdout(1, b"Status: 431\r\n\r\n"), stdout(1, b""), end_request(1)]
        );
        harness.send([params(1, &[0xff; 60_000]), stream_end(RecordType::PARAMS, 1)].concat());
        harness.send([stdin(1, b"x"), stdin_end(1)].concat());
        assert_eq!((harness.events(), harness.server.requests.len()), (vec![], 0));
        harness.assert_usable(1);
    }
}

#[test]
fn params_of_all_requests_share_a_limit() {
    let mut harness = Harness::with(|config| config.limits.max_total_params_bytes = 30);
    let ten = encode_pairs(&[("N", "1234567")]);
    let whole = |id| {
        [begin(id, R, true), params(id, &ten), stream_end(RecordType::PARAMS, id), stdin_end(id)].concat()
    };
    let heads = |harness: &mut Harness| {
        let events = harness.events().into_iter();
        events.filter(|event| !matches!(event, Event::BodyReadable(_))).collect::<Vec<_>>()
    };
    // Two reported requests, and one with incomplete PARAMS.
    harness.send([whole(1), whole(2), begin(3, R, true), params(3, &ten[..5])].concat());
    let events = heads(&mut harness);
    let [Event::Request(first), Event::Request(second)] = &events[..] else { panic!("{events:?}") };
    harness.send(whole(4));
    let events = heads(&mut harness);
    let [Event::Rejected(fourth, RejectReason::TooManyBytes)] = events[..] else { panic!("{events:?}") };
    harness.server.end_request(fourth, 0).unwrap();
    // The end of a request releases its bytes: answered, rejected, aborted.
    harness.server.end_request(first.key, 0).unwrap();
    harness.send(abort(3));
    harness.send(whole(1));
    assert!(matches!(heads(&mut harness)[..], [Event::Request(_)]));
    harness.send([begin(5, R, true), params(5, &ten)].concat());
    assert_eq!(heads(&mut harness), []);
    let key = harness.server.incomplete_heads().min().unwrap();
    harness.server.reject(key).unwrap();
    harness.server.end_request(key, 0).unwrap();
    harness.server.end_request(second.key, 0).unwrap();
    harness.send([whole(6), whole(7)].concat());
    assert!(matches!(heads(&mut harness)[..], [Event::Request(_), Event::Request(_)]));
    harness.send(whole(8));
    assert!(matches!(heads(&mut harness)[..], [Event::Rejected(..)]), "the sum counts");
}

#[test]
fn a_rejected_request_has_no_body_to_read() {
    let mut harness = Harness::with(|config| config.limits.max_params_bytes = 10);
    harness.send([begin(1, R, true), params(1, &[11, 0]), stream_end(RecordType::PARAMS, 1)].concat());
    let events = harness.events();
    let [Event::Rejected(key, _)] = events[..] else { panic!("{events:?}") };
    harness.send(stdin(1, &[b'x'; 60_000]));
    assert_eq!((harness.server.unread_bytes(), harness.body(key)), (0, (vec![], StreamState::Open)));
    harness.send(stdin_end(1));
    assert_eq!((harness.events(), harness.body(key)), (vec![], (vec![], StreamState::Ended)));
    harness.server.end_request(key, 0).unwrap();
    assert_eq!(harness.server.requests.len(), 0);
}

/// A connection with an active request in each state.
fn busy(overload: OverloadResponse) -> (Harness, [RequestKey; 4]) {
    let mut harness = Harness::with(|config| {
        config.limits.max_concurrent_requests = 4;
        config.overload_response = overload;
    });
    harness.send(begin(1, R, true));
    let in_params = harness.server.incomplete_heads().min().unwrap();
    let in_body = harness.open_keep_conn(2);
    harness.send(stdin(2, b"half of a "));
    harness.events();
    let answering = harness.open_keep_conn(3);
    harness.send(stdin_end(3));
    harness.events();
    harness.server.stdout(answering, b"half an ").unwrap();
    let aborted = harness.open_keep_conn(4);
    harness.send(abort(4));
    harness.events();
    harness.written_records();
    (harness, [in_params, in_body, answering, aborted])
}

#[test]
fn a_request_over_the_limit_is_rejected_alone() {
    let status = |status| (OverloadResponse::Status(status), vec![end_request_with(9, 0, status)]);
    let cases = [
        status(ProtocolStatus::OVERLOADED),
        status(ProtocolStatus::CANT_MPX_CONN),
        (
            OverloadResponse::Stdout(Bytes::from_static(UNAVAILABLE)),
            vec![stdout(9, UNAVAILABLE), stdout(9, b""), end_request(9)],
        ),
    ];
    for (overload, rejection) in cases {
        let (mut harness, [in_params, in_body, answering, aborted]) = busy(overload.clone());
        harness.send(begin(9, R, true));
        assert_eq!(harness.written_records(), rejection, "at once");
        let mut taken = || harness.server.take_rejected();
        assert_eq!(taken(), RejectedAtBegin { overloaded: 1, ..Default::default() });
        assert_eq!(taken(), RejectedAtBegin::default());
        harness.send([all_params(9, &[("A", "1")]), stdin(9, b"x"), stdin_end(9)].concat());
        assert_eq!(
            (harness.events(), harness.written_records(), harness.server.active_requests()),
            (vec![], vec![], 4)
        );

        harness.send([all_params(1, &[]), stdin_end(1), stdin(2, b"body"), stdin_end(2)].concat());
        assert_eq!(harness.request().key, in_params);
        assert_eq!(harness.body(in_body), (b"half of a body".to_vec(), StreamState::Ended));
        harness.server.stdout(answering, b"answer").unwrap();
        for key in [answering, aborted, in_body, in_params] {
            harness.server.end_request(key, 0).unwrap();
        }
        let mut expected = vec![stdout(3, b"answer")];
        expected.extend([3, 4, 2, 1].into_iter().flat_map(|id| [stdout(id, b""), end_request(id)]));
        assert_eq!(harness.written_records(), expected, "{overload:?}");
        assert_eq!((harness.server.requests.len(), harness.server.unread_bytes()), (0, 0));
        harness.events();
        harness.assert_usable(9);
    }
}

#[test]
fn a_long_overload_response_is_split() {
    let (mut harness, _) = busy(OverloadResponse::Stdout(vec![b'x'; 70_000].into()));
    harness.send(begin(9, R, true));
    let lens: Vec<_> = harness.written_records().iter().map(|record| record.content.len()).collect();
    assert_eq!(lens, [65_535, 4465, 0, 8]);
}

#[test]
fn a_rejected_id_can_be_reused_or_aborted() {
    let (mut harness, [.., aborted]) = busy(OverloadResponse::Status(ProtocolStatus::OVERLOADED));
    harness.send([begin(9, R, true), begin(9, R, true), abort(9), abort(9)].concat());
    assert_eq!(harness.written_records().len(), 2);
    harness.server.end_request(aborted, 0).unwrap();
    harness.written_records();
    harness.assert_usable(9);
}

#[test]
fn answered_ids_with_open_bodies_are_limited() {
    let mut harness = Harness::with(|config| config.limits.max_half_closed_requests = 3);
    let last = harness.open_keep_conn(100);
    for id in 1..=3 {
        let key = harness.open_keep_conn(id);
        harness.server.end_request(key, 0).unwrap();
    }
    // One of them ends, so there is room for another.
    harness.send(stdin_end(2));
    harness.written_records();
    harness.assert_usable(50);
    let key = harness.open_keep_conn(4);
    harness.server.end_request(key, 0).unwrap();
    let over = harness.open_keep_conn(5);
    harness.server.end_request(over, 0).unwrap();
    harness.written_records();

    harness.send(head(6, R, true));
    assert_eq!(
        harness.written_records(),
        [end_request_with(6, 0, ProtocolStatus::OVERLOADED)],
        "no more requests"
    );
    assert_eq!(harness.server.close_action(), None, "one request is active");
    harness.server.stdout(last, b"served").unwrap();
    harness.server.end_request(last, 0).unwrap();
    assert_eq!(harness.written_records(), [stdout(100, b"served"), stdout(100, b""), end_request(100)]);
    assert_eq!(harness.server.close_action(), Some(CloseAction::LingeringClose));
}

#[test]
fn rejected_ids_are_limited_too() {
    let mut harness = Harness::with(|config| {
        config.limits.max_concurrent_requests = 1;
        config.limits.max_half_closed_requests = 10;
    });
    let key = harness.open_keep_conn(1);
    for id in 2..=65_535 {
        harness.send(begin(id, R, true));
        assert_eq!(harness.written_records(), [end_request_with(id, 0, ProtocolStatus::OVERLOADED)]);
    }
    assert!(harness.server.requests.len() <= 12, "{}", harness.server.requests.len());
    harness.server.end_request(key, 0).unwrap();
    assert_eq!(harness.server.close_action(), Some(CloseAction::LingeringClose));
}

#[test]
fn a_peer_with_only_rejected_requests_is_closed() {
    let mut harness = Harness::with(|config| config.limits.max_half_closed_requests = 2);
    for (id, close) in
        [(1, None), (2, None), (3, Some(CloseAction::LingeringClose)), (4, Some(CloseAction::LingeringClose))]
    {
        harness.send(begin(id, Role(9), true));
        assert_eq!(harness.server.close_action(), close, "after {id}");
    }
}

#[test]
fn an_id_reused_with_an_open_body_counts_once() {
    let mut harness = Harness::with(|config| config.limits.max_half_closed_requests = 1);
    for _ in 0..1000 {
        let key = harness.open_keep_conn(1);
        harness.send(stdin(1, b"never ends"));
        harness.server.end_request(key, 0).unwrap();
        harness.events();
    }
    assert_eq!(
        (harness.server.close_action(), harness.server.requests.len(), harness.server.unread_bytes()),
        (None, 1, 0)
    );
}

#[test]
fn limits_of_zero_reject_everything_without_a_panic() {
    let mut harness = Harness::with(|config| {
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
    assert!(harness.server.wants_read(), "otherwise nothing could be received");
    harness.send([head(1, R, true), record(RecordType::GET_VALUES, 0, b"")].concat());
    assert_eq!(harness.events(), []);
    assert_eq!(harness.server.close_action(), Some(CloseAction::LingeringClose));

    let mut harness = Harness::with(|config| {
        config.limits.max_params_bytes = 0;
        config.limits.max_stderr_record = 0;
    });
    harness.send(head(1, R, true));
    let events = harness.events();
    let [Event::Rejected(key, RejectReason::TooManyBytes)] = events[..] else { panic!("{events:?}") };
    harness.server.stderr(key, b"ab").unwrap();
    assert_eq!(harness.written_records(), [stderr(1, b"a"), stderr(1, b"b")]);
    harness.server.end_request(key, 0).unwrap();
    assert_eq!(harness.server.end_request(key, 0), Err(UserError::RequestClosed));
}

#[test]
fn dropped_bytes_are_counted_until_a_request() {
    let mut harness = Harness::with(|config| config.limits.max_params_bytes = 10);
    harness.send([begin(1, R, true), params(1, &[11, 0])].concat());
    let events = harness.events();
    let [Event::Rejected(key, _)] = events[..] else { panic!("{events:?}") };
    harness.server.end_request(key, 0).unwrap();
    assert_eq!(
        (harness.server.discarded_bytes(), harness.server.half_closed_requests()),
        (0, 1),
        "processed, not dropped"
    );
    let over = params(1, &[0; 100]);
    harness.send(&over[..50]);
    assert_eq!(harness.server.discarded_bytes(), 50, "on arrival");
    harness.send(&over[50..]);
    harness.send(params(1, &[0; 100]));
    assert_eq!(harness.server.discarded_bytes(), 2 * 108);
    // The ends of PARAMS and STDIN do not count.
    harness.send([params(1, b""), stdin(1, b"")].concat());
    assert_eq!((harness.server.discarded_bytes(), harness.server.half_closed_requests()), (216, 0));
    harness.send([stdin(1, b"late"), stdin(7, b"of none")].concat());
    assert_eq!(harness.server.discarded_bytes(), 216 + 12 + 15);
    harness.send([begin(1, R, true), params(1, b"")].concat());
    assert_eq!(harness.server.discarded_bytes(), 0);
}
