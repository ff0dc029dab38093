//! What a request or a connection over a limit is told, and that nobody else pays for it.

use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use super::wire::*;
use crate::server::{Close, Event, Overload, Refusal};
use crate::{BodyState, Key, Misuse, ProtocolStatus, RecordType, Role};

const R: Role = Role::RESPONDER;
const UNAVAILABLE: &[u8] = b"Status: 503 Service Unavailable\r\n\r\n";

#[test]
fn params_at_a_limit_pass_and_one_more_is_rejected() {
    let table = [
        ("bytes, to the limit", pairs(&[("N", "12345678")]), None),
        ("bytes, one over", pairs(&[("N", "123456789")]), Some(Refusal::ParamsBytes)),
        ("pairs, to the limit", vec![0; 6], None),
        ("pairs, one over", vec![0; 8], Some(Refusal::ParamsPairs)),
        ("pairs, half of one over", vec![0; 7], None),
        ("pairs over the limit before bytes over it", vec![0; 100], Some(Refusal::ParamsPairs)),
        ("bytes over the limit before pairs over it", [&[0, 9][..], &[0; 100]].concat(), None),
        ("bytes, by a length that says so", vec![1, 10, b'N'], Some(Refusal::ParamsBytes)),
    ];
    for (what, encoded, refusal) in table {
        // What a request is refused for does not hang on where its records or its reads are cut.
        for size in [1, 2, 5, encoded.len()] {
            let mut link = Link::with(|config| {
                config.limits.params_bytes = 11;
                config.limits.params_pairs = 3;
            });
            link.send(begin(1, R, true));
            let key = link.app.in_params().min().unwrap();
            for part in encoded.chunks(size) {
                link.send(params(1, part));
            }
            let expected = match refusal {
                _ if what.starts_with("bytes over") => vec![Event::Refused(key, Refusal::ParamsBytes)],
                Some(refusal) => vec![Event::Refused(key, refusal)],
                None => vec![],
            };
            assert_eq!(link.events(), expected, "{what}, in records of {size}");
        }
    }
}

#[test]
fn a_rejected_request_leaves_the_connection_usable() {
    for refusal in [Refusal::ParamsBytes, Refusal::ParamsPairs] {
        let mut link = Link::with(|config| {
            config.limits.params_bytes = 10;
            config.limits.params_pairs = 3;
        });
        let over = if refusal == Refusal::ParamsBytes { vec![11, 0] } else { vec![0; 8] };
        link.send([begin(1, R, true), params(1, &over)].concat());
        let events = link.events();
        let [Event::Refused(key, reason)] = events[..] else { panic!("{events:?}") };
        assert_eq!((reason, link.app.live()), (refusal, 1));
        // More of what is too much already, before the answer and after it.
        link.send(params(1, &[0xff; 60_000]));
        assert_eq!(link.app.table.by_key(key).unwrap().params.capacity(), 0, "nothing is kept");
        link.app.stdout(key, b"Status: 431\r\n\r\n").unwrap();
        link.app.end(key, 0).unwrap();
        assert_eq!(link.answers(), [out(1, b"Status: 431\r\n\r\n"), out(1, b""), end(1)]);
        link.send([params(1, &[0xff; 60_000]), end_of(RecordType::PARAMS, 1)].concat());
        link.send([stdin(1, b"x"), end_of_stdin(1)].concat());
        assert_eq!((link.events(), link.app.table.len()), (vec![], 0));
        link.is_usable_for(1);
    }
}

#[test]
fn params_of_all_requests_share_a_limit() {
    let mut link = Link::with(|config| config.limits.all_params_bytes = 30);
    let ten = pairs(&[("N", "1234567")]);
    let whole = |id| {
        [begin(id, R, true), params(id, &ten), end_of(RecordType::PARAMS, id), end_of_stdin(id)].concat()
    };
    let heads = |link: &mut Link| {
        let events = link.events().into_iter();
        events.filter(|event| !matches!(event, Event::Body(_))).collect::<Vec<_>>()
    };
    // Two that are with the application, and one that is half there.
    link.send([whole(1), whole(2), begin(3, R, true), params(3, &ten[..5])].concat());
    let events = heads(&mut link);
    let [Event::Request(first), Event::Request(second)] = &events[..] else { panic!("{events:?}") };
    link.send(whole(4));
    let events = heads(&mut link);
    let [Event::Refused(fourth, Refusal::ParamsBytes)] = events[..] else { panic!("{events:?}") };
    link.app.end(fourth, 0).unwrap();
    // Each way in which a request can end makes room for as many bytes as it had: answered, cut short, aborted.
    link.app.end(first.key, 0).unwrap();
    link.send(abort(3));
    link.send(whole(1));
    assert!(matches!(heads(&mut link)[..], [Event::Request(_)]));
    link.send([begin(5, R, true), params(5, &ten)].concat());
    assert_eq!(heads(&mut link), []);
    let key = link.app.in_params().min().unwrap();
    link.app.refuse(key).unwrap();
    link.app.end(key, 0).unwrap();
    link.app.end(second.key, 0).unwrap();
    link.send([whole(6), whole(7)].concat());
    assert!(matches!(heads(&mut link)[..], [Event::Request(_), Event::Request(_)]));
    link.send(whole(8));
    assert!(matches!(heads(&mut link)[..], [Event::Refused(..)]), "it is the sum that counts");
}

#[test]
fn a_request_refused_before_its_body_has_none_to_read() {
    let mut link = Link::with(|config| config.limits.params_bytes = 10);
    link.send([begin(1, R, true), params(1, &[11, 0]), end_of(RecordType::PARAMS, 1)].concat());
    let events = link.events();
    let [Event::Refused(key, _)] = events[..] else { panic!("{events:?}") };
    link.send(stdin(1, &[b'x'; 60_000]));
    assert_eq!((link.app.unread(), link.body(key)), (0, (vec![], BodyState::Open)));
    link.send(end_of_stdin(1));
    assert_eq!((link.events(), link.body(key)), (vec![], (vec![], BodyState::Ended)));
    link.app.end(key, 0).unwrap();
    assert_eq!(link.app.table.len(), 0);
}

/// Others in every state in which a request can be alive, and what is needed to end each of them well.
fn busy(overload: Overload) -> (Link, [Key; 4]) {
    let mut link = Link::with(|config| {
        config.limits.requests = 4;
        config.overload = overload;
    });
    link.send(begin(1, R, true));
    let in_params = link.app.in_params().min().unwrap();
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
    let status = |status| (Overload::Status(status), vec![ended(9, 0, status)]);
    let table = [
        status(ProtocolStatus::OVERLOADED),
        status(ProtocolStatus::CANT_MPX_CONN),
        (Overload::Stdout(Bytes::from_static(UNAVAILABLE)), vec![out(9, UNAVAILABLE), out(9, b""), end(9)]),
    ];
    for (overload, told) in table {
        let (mut link, [in_params, in_body, answering, aborted]) = busy(overload.clone());
        link.send(begin(9, R, true));
        assert_eq!(link.answers(), told, "at once");
        link.send([all_params(9, &[("A", "1")]), stdin(9, b"x"), end_of_stdin(9)].concat());
        assert_eq!((link.events(), link.answers(), link.app.live()), (vec![], vec![], 4));

        link.send([all_params(1, &[]), end_of_stdin(1), stdin(2, b"body"), end_of_stdin(2)].concat());
        assert_eq!(link.request().key, in_params);
        assert_eq!(link.body(in_body), (b"half of a body".to_vec(), BodyState::Ended));
        link.app.stdout(answering, b"answer").unwrap();
        for key in [answering, aborted, in_body, in_params] {
            link.app.end(key, 0).unwrap();
        }
        let mut expected = vec![out(3, b"answer")];
        expected.extend([3, 4, 2, 1].into_iter().flat_map(|id| [out(id, b""), end(id)]));
        assert_eq!(link.answers(), expected, "{overload:?}");
        assert_eq!((link.app.table.len(), link.app.unread()), (0, 0));
        link.events();
        link.is_usable_for(9);
    }
}

#[test]
fn a_long_overload_response_is_split() {
    let (mut link, _) = busy(Overload::Stdout(vec![b'x'; 70_000].into()));
    link.send(begin(9, R, true));
    let lens: Vec<_> = link.answers().iter().map(|record| record.content.len()).collect();
    assert_eq!(lens, [65_535, 4465, 0, 8]);
}

#[test]
fn a_rejected_id_can_be_begun_again_or_given_up() {
    let (mut link, [.., aborted]) = busy(Overload::Status(ProtocolStatus::OVERLOADED));
    link.send([begin(9, R, true), begin(9, R, true), abort(9), abort(9)].concat());
    assert_eq!(link.answers().len(), 2);
    link.app.end(aborted, 0).unwrap();
    link.answers();
    link.is_usable_for(9);
}

#[test]
fn answered_ids_with_open_bodies_are_limited() {
    let mut link = Link::with(|config| config.limits.unfinished = 3);
    let last = link.open_kept(100);
    for id in 1..=3 {
        let key = link.open_kept(id);
        link.app.end(key, 0).unwrap();
    }
    // One of them ends: there is room for one more.
    link.send(end_of_stdin(2));
    link.answers();
    link.is_usable_for(50);
    let key = link.open_kept(4);
    link.app.end(key, 0).unwrap();
    let over = link.open_kept(5);
    link.app.end(over, 0).unwrap();
    link.answers();

    link.send(head(6, R, true));
    assert_eq!(link.answers(), [ended(6, 0, ProtocolStatus::OVERLOADED)], "it takes no more");
    assert_eq!(link.app.should_close(), None, "one is alive");
    link.app.stdout(last, b"served").unwrap();
    link.app.end(last, 0).unwrap();
    assert_eq!(link.answers(), [out(100, b"served"), out(100, b""), end(100)]);
    assert_eq!(link.app.should_close(), Some(Close::Drain));
}

#[test]
fn rejected_ids_are_bounded_too() {
    let mut link = Link::with(|config| {
        config.limits.requests = 1;
        config.limits.unfinished = 10;
    });
    let key = link.open_kept(1);
    for id in 2..=65_535 {
        link.send(begin(id, R, true));
        assert_eq!(link.answers(), [ended(id, 0, ProtocolStatus::OVERLOADED)]);
    }
    assert!(link.app.table.len() <= 12, "{}", link.app.table.len());
    link.app.end(key, 0).unwrap();
    assert_eq!(link.app.should_close(), Some(Close::Drain));
}

#[test]
fn a_peer_with_only_rejected_requests_is_closed() {
    let mut link = Link::with(|config| config.limits.unfinished = 2);
    for (id, close) in [(1, None), (2, None), (3, Some(Close::Drain)), (4, Some(Close::Drain))] {
        link.send(begin(id, Role(9), true));
        assert_eq!(link.app.should_close(), close, "after {id}");
    }
}

#[test]
fn an_id_reused_with_an_open_body_counts_once() {
    let mut link = Link::with(|config| config.limits.unfinished = 1);
    for _ in 0..1000 {
        let key = link.open_kept(1);
        link.send(stdin(1, b"never ends"));
        link.app.end(key, 0).unwrap();
        link.events();
    }
    assert_eq!((link.app.should_close(), link.app.table.len(), link.app.unread()), (None, 1, 0));
}

#[test]
fn limits_of_zero_reject_everything_without_a_panic() {
    let mut link = Link::with(|config| {
        config.limits.params_bytes = 0;
        config.limits.all_params_bytes = 0;
        config.limits.params_pairs = 0;
        config.limits.requests = 0;
        config.limits.unfinished = 0;
        config.limits.body_bytes = 0;
        config.limits.bodies_bytes = 0;
        config.limits.management_bytes = 0;
        config.limits.answers_bytes = 0;
        config.limits.stderr_record = 0;
    });
    assert!(link.app.wants_input(), "or nothing could ever come");
    link.send([head(1, R, true), record(RecordType::GET_VALUES, 0, b"")].concat());
    assert_eq!(link.events(), []);
    assert_eq!(link.app.should_close(), Some(Close::Drain));

    let mut link = Link::with(|config| {
        config.limits.params_bytes = 0;
        config.limits.stderr_record = 0;
    });
    link.send(head(1, R, true));
    let events = link.events();
    let [Event::Refused(key, Refusal::ParamsBytes)] = events[..] else { panic!("{events:?}") };
    link.app.stderr(key, b"ab").unwrap();
    assert_eq!(link.answers(), [err(1, b"a"), err(1, b"b")]);
    link.app.end(key, 0).unwrap();
    assert_eq!(link.app.end(key, 0), Err(Misuse::Gone));
}

#[test]
fn what_is_dropped_is_counted_until_a_request_comes() {
    let mut link = Link::with(|config| config.limits.params_bytes = 10);
    link.send([begin(1, R, true), params(1, &[11, 0])].concat());
    let events = link.events();
    let [Event::Refused(key, _)] = events[..] else { panic!("{events:?}") };
    link.app.end(key, 0).unwrap();
    assert_eq!((link.app.discarded(), link.app.unfinished()), (0, 1), "it was looked at");
    let over = params(1, &[0; 100]);
    link.send(&over[..50]);
    assert_eq!(link.app.discarded(), 50, "as it comes");
    link.send(&over[50..]);
    link.send(params(1, &[0; 100]));
    assert_eq!(link.app.discarded(), 2 * 108);
    // The end of the PARAMS, and of STDIN, is nothing that is dropped.
    link.send([params(1, b""), stdin(1, b"")].concat());
    assert_eq!((link.app.discarded(), link.app.unfinished()), (216, 0));
    link.send([stdin(1, b"late"), stdin(7, b"of none")].concat());
    assert_eq!(link.app.discarded(), 216 + 12 + 15);
    link.send([begin(1, R, true), params(1, b"")].concat());
    assert_eq!(link.app.discarded(), 0);
}
