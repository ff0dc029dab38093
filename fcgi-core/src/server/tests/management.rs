//! Records about the connection: GET_VALUES, unknown types, unknown roles.

use alloc::vec;
use alloc::vec::Vec;

use super::wire::*;
use crate::server::Event;
use crate::{
    NameValuePairs, ProtocolErrorKind, ProtocolStatus, RecordType, RequestId, Role, Roles, StreamState,
    UnknownType,
};

fn get_values(list: &[(&str, &str)]) -> Vec<u8> {
    record(RecordType::GET_VALUES, 0, &pairs(list))
}

fn result(list: &[(&str, &str)]) -> Record {
    Record { kind: RecordType::GET_VALUES_RESULT, id: 0, content: pairs(list) }
}

fn unknown_type(kind: u8) -> Record {
    let content = UnknownType(RecordType(kind)).encode().to_vec();
    Record { kind: RecordType::UNKNOWN_TYPE, id: 0, content }
}

#[test]
fn get_values_is_answered_with_one_record() {
    const CONNS: (&str, &str) = ("FCGI_MAX_CONNS", "1024");
    const REQS: (&str, &str) = ("FCGI_MAX_REQS", "4");
    const MPXS: (&str, &str) = ("FCGI_MPXS_CONNS", "1");
    let asks = |names: &[&'static str]| names.iter().map(|name| (*name, "")).collect::<Vec<_>>();
    let table = [
        ("an empty query", vec![], vec![]),
        ("all three", asks(&[CONNS.0, REQS.0, MPXS.0]), vec![CONNS, REQS, MPXS]),
        ("in another order", asks(&[MPXS.0, CONNS.0]), vec![MPXS, CONNS]),
        ("unknown names are left out", asks(&["FCGI_NEW", REQS.0, "", "fcgi_max_conns"]), vec![REQS]),
        ("unknown names alone", asks(&["FCGI_NEW"]), vec![]),
        ("repeated names are answered once", asks(&[REQS.0, MPXS.0, REQS.0, REQS.0]), vec![REQS, MPXS]),
        ("values in a query mean nothing", vec![("FCGI_MAX_REQS", "7")], vec![REQS]),
    ];
    for (what, query, expected) in table {
        let mut link = Link::new();
        link.send(get_values(&query));
        assert_eq!(link.answers(), [result(&expected)], "{what}");
        assert_eq!(link.app.close_action(), None, "{what}: the connection stays open");
        assert_eq!(link.events(), [], "{what}: the application is not involved");
        link.is_usable_for(1);
    }
}

#[test]
fn get_values_while_a_body_is_being_received() {
    let mut link = Link::new();
    let key = link.open_kept(1);
    link.send(stdin(1, b"before"));
    link.app.stdout(key, b"answer").unwrap();
    link.send(get_values(&[("FCGI_MPXS_CONNS", "")]));
    link.send([stdin(1, b" after"), end_of_stdin(1)].concat());
    assert_eq!(link.body(key), (b"before after".to_vec(), StreamState::Ended));
    assert_eq!(link.answers(), [out(1, b"answer"), result(&[("FCGI_MPXS_CONNS", "1")])]);
}

#[test]
fn get_values_reports_the_real_limits() {
    for (requests, multiplexes) in [(1, "0"), (2, "1"), (5, "1")] {
        let mut link = Link::with(|config| {
            config.limits.max_concurrent_requests = requests;
            config.max_conns = 77;
            config.max_reqs = 88;
        });
        link.send(get_values(&[("FCGI_MAX_CONNS", ""), ("FCGI_MAX_REQS", ""), ("FCGI_MPXS_CONNS", "")]));
        let answers = link.answers();
        let told: Vec<_> = NameValuePairs::new(&answers[0].content).map(Result::unwrap).collect();
        let max_reqs = alloc::format!("{requests}");
        let expected: [(&[u8], &[u8]); 3] = [
            (b"FCGI_MAX_CONNS", b"77"),
            (b"FCGI_MAX_REQS", max_reqs.as_bytes()),
            (b"FCGI_MPXS_CONNS", multiplexes.as_bytes()),
        ];
        assert_eq!(told, expected);
        let ids = 1..=u16::try_from(requests).unwrap();
        for id in ids.clone() {
            link.open_kept(id);
        }
        assert_eq!((link.app.active_requests(), link.answers()), (requests, vec![]), "as many as it said");
        link.send(head(100, Role::RESPONDER, true));
        assert_eq!(link.events(), [], "and not one more");
        assert_eq!(link.answers(), [ended(100, 0, ProtocolStatus::OVERLOADED)]);
    }
}

/// What is taken bounds what is told, and what is told does not bound what is taken.
#[test]
fn max_reqs_is_told_within_what_is_taken() {
    for (max_reqs, requests, told) in
        [(8, 128, "8"), (16, 128, "16"), (200, 128, "128"), (8, 5, "5"), (8, 1, "1")]
    {
        let mut link = Link::with(|config| {
            config.max_reqs = max_reqs;
            config.limits.max_concurrent_requests = requests;
        });
        link.send(get_values(&[("FCGI_MAX_REQS", "")]));
        assert_eq!(link.answers(), [result(&[("FCGI_MAX_REQS", told)])]);
        let ids = u16::try_from(requests).unwrap();
        (1..=ids).for_each(|id| _ = link.open_kept(id));
        assert_eq!((link.app.active_requests(), link.answers()), (requests, vec![]));
    }
}

#[test]
fn a_query_that_is_cut_off_or_too_long_is_a_violation() {
    let whole = pairs(&[("FCGI_MAX_CONNS", "")]);
    for cut in 1..whole.len() {
        let violation = Link::new().breaks(record(RecordType::GET_VALUES, 0, &whole[..cut]));
        assert_eq!(
            (violation.kind, violation.request_id),
            (ProtocolErrorKind::TruncatedPair, RequestId::NULL),
            "cut at {cut}"
        );
    }
    let mut link = Link::with(|config| config.limits.max_management_bytes = 10);
    link.send(record(RecordType::GET_VALUES, 0, &[0; 10]));
    assert_eq!(link.answers(), [result(&[])]);
    // Its first byte is enough to see it.
    let violation = link.breaks(&record(RecordType::GET_VALUES, 0, &[0; 11])[..9]);
    assert_eq!(violation.kind, ProtocolErrorKind::ManagementTooLong);
}

#[test]
fn an_unknown_management_type_is_reported() {
    let mut link = Link::new();
    for kind in (12..=255).chain([0]) {
        for content in [&b""[..], b"whatever it is", &[0xaa; 65_535]] {
            link.send(padded(RecordType(kind), 0, content, 5));
            assert_eq!(link.answers(), [unknown_type(kind)]);
        }
    }
    for byte in padded(RecordType(99), 0, b"byte by byte", 5).chunks(1) {
        link.send(byte);
    }
    assert_eq!(link.answers(), [unknown_type(99)], "once, however it came");
    assert_eq!(link.events(), []);
    link.is_usable_for(1);
}

#[test]
fn a_request_s_record_of_an_unknown_type_is_skipped() {
    let mut link = Link::new();
    let key = link.open_kept(1);
    for (kind, id) in [(0, 1), (12, 1), (255, 1), (12, 2)] {
        link.send(record(RecordType(kind), id, b"a later version's"));
    }
    link.send([stdin(1, b"x"), end_of_stdin(1)].concat());
    assert_eq!(link.body(key), (b"x".to_vec(), StreamState::Ended));
    assert_eq!(link.answers(), []);
}

#[test]
fn an_unknown_role_is_rejected_alone() {
    let table = [
        (Roles::RESPONDER, Role(0)),
        (Roles::RESPONDER, Role::AUTHORIZER),
        (Roles::RESPONDER, Role::FILTER),
        (Roles::AUTHORIZER, Role::RESPONDER),
        (Roles::ALL, Role(4)),
        (Roles::ALL, Role(65_535)),
    ];
    for (roles, role) in table {
        let mut link = Link::with(|config| config.roles = roles);
        link.send(begin(1, role, true));
        assert_eq!(link.answers(), [ended(1, 0, ProtocolStatus::UNKNOWN_ROLE)], "at once");
        link.send([all_params(1, &[("A", "1")]), stdin(1, b"body"), end_of_stdin(1)].concat());
        link.send([record(RecordType::DATA, 1, b"data"), end_of(RecordType::DATA, 1), abort(1)].concat());
        assert_eq!((link.events(), link.answers()), (vec![], vec![]), "{role:?}");
        assert_eq!(
            (link.app.active_requests(), link.app.unread_bytes(), link.app.requests.len()),
            (0, 0, 0),
            "{role:?}"
        );
        assert_eq!(link.app.close_action(), None);
    }
    let mut link = Link::new();
    link.send([head(1, Role(9), true), end_of_stdin(1)].concat());
    link.answers();
    link.is_usable_for(1);
}

#[test]
fn an_unknown_role_harms_no_other_request() {
    let mut link = Link::new();
    let key = link.open_kept(1);
    link.send([begin(2, Role(9), true), stdin(1, b"body"), end_of_stdin(1)].concat());
    assert_eq!(link.events(), [Event::BodyReadable(key)]);
    link.app.stdout(key, b"x").unwrap();
    link.app.end_request(key, 0).unwrap();
    let expected = [ended(2, 0, ProtocolStatus::UNKNOWN_ROLE), out(1, b"x"), out(1, b""), end(1)];
    assert_eq!(link.answers(), expected);
}

#[test]
fn a_peer_that_asks_but_never_reads_is_paused() {
    let floods: [(&str, Vec<u8>); 4] = [
        ("queries", get_values(&[("FCGI_MAX_CONNS", "")])),
        ("unknown types", record(RecordType(77), 0, b"")),
        ("requests given up before they are one", [begin(1, Role::RESPONDER, true), abort(1)].concat()),
        ("requests in an unknown role", [begin(1, Role(9), true), abort(1)].concat()),
    ];
    for (what, wire) in floods {
        let mut link = Link::with(|config| config.limits.max_control_bytes = 1000);
        let mut rounds = 0;
        while link.app.wants_read() {
            link.send(&wire);
            rounds += 1;
            assert!(rounds < 1000, "{what} are taken without end");
        }
        assert!((1000..1100).contains(&link.app.output().len()), "{what}");
        link.answers();
        assert!(link.app.wants_read(), "{what}: what was written is forgotten");
    }
}

#[test]
fn unwritten_output_does_not_stop_the_input() {
    let mut link = Link::with(|config| config.limits.max_control_bytes = 1000);
    // Nor do all those that were answered and written long ago.
    for _ in 0..1000 {
        link.send(get_values(&[]));
        link.answers();
    }
    let key = link.open_kept(1);
    link.app.stdout(key, &[b'x'; 100_000]).unwrap();
    link.send(get_values(&[]));
    assert!(link.app.wants_read(), "the peer may read the answer only after its whole body is written");
}
