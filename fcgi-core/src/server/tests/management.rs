//! Management records: GET_VALUES, unknown types, unknown roles.

use alloc::vec;
use alloc::vec::Vec;

use super::wire::*;
use crate::server::Event;
use crate::{
    NameValuePairs, ProtocolErrorKind, ProtocolStatus, RecordType, RequestId, Role, Roles, StreamState,
    UnknownType,
};

fn get_values(list: &[(&str, &str)]) -> Vec<u8> {
    record(RecordType::GET_VALUES, 0, &encode_pairs(list))
}

fn result(list: &[(&str, &str)]) -> Record {
    Record { kind: RecordType::GET_VALUES_RESULT, id: 0, content: encode_pairs(list) }
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
    let cases = [
        ("an empty query", vec![], vec![]),
        ("all three", asks(&[CONNS.0, REQS.0, MPXS.0]), vec![CONNS, REQS, MPXS]),
        ("in another order", asks(&[MPXS.0, CONNS.0]), vec![MPXS, CONNS]),
        ("unknown names are ignored", asks(&["FCGI_NEW", REQS.0, "", "fcgi_max_conns"]), vec![REQS]),
        ("only unknown names", asks(&["FCGI_NEW"]), vec![]),
        ("repeated names are answered once", asks(&[REQS.0, MPXS.0, REQS.0, REQS.0]), vec![REQS, MPXS]),
        ("values in a query are ignored", vec![("FCGI_MAX_REQS", "7")], vec![REQS]),
    ];
    for (what, query, expected) in cases {
        let mut harness = Harness::new();
        harness.send(get_values(&query));
        assert_eq!(harness.written_records(), [result(&expected)], "{what}");
        assert_eq!(harness.server.close_action(), None, "{what}: the connection stays open");
        assert_eq!(harness.events(), [], "{what}: the application is not involved");
        harness.assert_usable(1);
    }
}

#[test]
fn get_values_while_a_body_is_being_received() {
    let mut harness = Harness::new();
    let key = harness.open_keep_conn(1);
    harness.send(stdin(1, b"before"));
    harness.server.stdout(key, b"answer").unwrap();
    harness.send(get_values(&[("FCGI_MPXS_CONNS", "")]));
    harness.send([stdin(1, b" after"), stdin_end(1)].concat());
    assert_eq!(harness.body(key), (b"before after".to_vec(), StreamState::Ended));
    assert_eq!(harness.written_records(), [stdout(1, b"answer"), result(&[("FCGI_MPXS_CONNS", "1")])]);
}

#[test]
fn get_values_reports_the_real_limits() {
    for (requests, multiplexes) in [(1, "0"), (2, "1"), (5, "1")] {
        let mut harness = Harness::with(|config| {
            config.limits.max_concurrent_requests = requests;
            config.max_conns = 77;
            config.max_reqs = 88;
        });
        harness.send(get_values(&[("FCGI_MAX_CONNS", ""), ("FCGI_MAX_REQS", ""), ("FCGI_MPXS_CONNS", "")]));
        let responses = harness.written_records();
        let reported: Vec<_> = NameValuePairs::new(&responses[0].content).map(Result::unwrap).collect();
        let max_reqs = alloc::format!("{requests}");
        let expected: [(&[u8], &[u8]); 3] = [
            (b"FCGI_MAX_CONNS", b"77"),
            (b"FCGI_MAX_REQS", max_reqs.as_bytes()),
            (b"FCGI_MPXS_CONNS", multiplexes.as_bytes()),
        ];
        assert_eq!(reported, expected);
        let ids = 1..=u16::try_from(requests).unwrap();
        for id in ids.clone() {
            harness.open_keep_conn(id);
        }
        assert_eq!(
            (harness.server.active_requests(), harness.written_records()),
            (requests, vec![]),
            "as many as reported"
        );
        harness.send(head(100, Role::RESPONDER, true));
        assert_eq!(harness.events(), [], "and no more");
        assert_eq!(harness.written_records(), [end_request_with(100, 0, ProtocolStatus::OVERLOADED)]);
    }
}

/// The limit bounds the reported value, and not vice versa.
#[test]
fn max_reqs_is_at_most_the_request_limit() {
    for (max_reqs, requests, reported) in
        [(8, 128, "8"), (16, 128, "16"), (200, 128, "128"), (8, 5, "5"), (8, 1, "1")]
    {
        let mut harness = Harness::with(|config| {
            config.max_reqs = max_reqs;
            config.limits.max_concurrent_requests = requests;
        });
        harness.send(get_values(&[("FCGI_MAX_REQS", "")]));
        assert_eq!(harness.written_records(), [result(&[("FCGI_MAX_REQS", reported)])]);
        let ids = u16::try_from(requests).unwrap();
        (1..=ids).for_each(|id| _ = harness.open_keep_conn(id));
        assert_eq!((harness.server.active_requests(), harness.written_records()), (requests, vec![]));
    }
}

#[test]
fn a_truncated_or_long_query_is_a_protocol_error() {
    let whole = encode_pairs(&[("FCGI_MAX_CONNS", "")]);
    for cut in 1..whole.len() {
        let error = Harness::new().send_invalid(record(RecordType::GET_VALUES, 0, &whole[..cut]));
        assert_eq!(
            (error.kind, error.request_id),
            (ProtocolErrorKind::TruncatedPair, RequestId::NULL),
            "cut at {cut}"
        );
    }
    let mut harness = Harness::with(|config| config.limits.max_management_bytes = 10);
    harness.send(record(RecordType::GET_VALUES, 0, &[0; 10]));
    assert_eq!(harness.written_records(), [result(&[])]);
    // The header is sufficient.
    let error = harness.send_invalid(&record(RecordType::GET_VALUES, 0, &[0; 11])[..9]);
    assert_eq!(error.kind, ProtocolErrorKind::ManagementTooLong);
}

#[test]
fn an_unknown_management_type_is_reported() {
    let mut harness = Harness::new();
    for kind in (12..=255).chain([0]) {
        for content in [&b""[..], b"whatever it is", &[0xaa; 65_535]] {
            harness.send(padded(RecordType(kind), 0, content, 5));
            assert_eq!(harness.written_records(), [unknown_type(kind)]);
        }
    }
    for byte in padded(RecordType(99), 0, b"byte by byte", 5).chunks(1) {
        harness.send(byte);
    }
    assert_eq!(harness.written_records(), [unknown_type(99)], "once, however it is split");
    assert_eq!(harness.events(), []);
    harness.assert_usable(1);
}

#[test]
fn a_request_s_record_of_an_unknown_type_is_skipped() {
    let mut harness = Harness::new();
    let key = harness.open_keep_conn(1);
    for (kind, id) in [(0, 1), (12, 1), (255, 1), (12, 2)] {
        harness.send(record(RecordType(kind), id, b"a later version's"));
    }
    harness.send([stdin(1, b"x"), stdin_end(1)].concat());
    assert_eq!(harness.body(key), (b"x".to_vec(), StreamState::Ended));
    assert_eq!(harness.written_records(), []);
}

#[test]
fn an_unknown_role_is_rejected_alone() {
    let cases = [
        (Roles::RESPONDER, Role(0)),
        (Roles::RESPONDER, Role::AUTHORIZER),
        (Roles::RESPONDER, Role::FILTER),
        (Roles::AUTHORIZER, Role::RESPONDER),
        (Roles::ALL, Role(4)),
        (Roles::ALL, Role(65_535)),
    ];
    for (roles, role) in cases {
        let mut harness = Harness::with(|config| config.roles = roles);
        harness.send(begin(1, role, true));
        assert_eq!(
            harness.written_records(),
            [end_request_with(1, 0, ProtocolStatus::UNKNOWN_ROLE)],
            "at once"
        );
        harness.send([all_params(1, &[("A", "1")]), stdin(1, b"body"), stdin_end(1)].concat());
        harness
            .send([record(RecordType::DATA, 1, b"data"), stream_end(RecordType::DATA, 1), abort(1)].concat());
        assert_eq!((harness.events(), harness.written_records()), (vec![], vec![]), "{role:?}");
        assert_eq!(
            (harness.server.active_requests(), harness.server.unread_bytes(), harness.server.requests.len()),
            (0, 0, 0),
            "{role:?}"
        );
        assert_eq!(harness.server.close_action(), None);
    }
    let mut harness = Harness::new();
    harness.send([head(1, Role(9), true), stdin_end(1)].concat());
    harness.written_records();
    harness.assert_usable(1);
}

#[test]
fn an_unknown_role_affects_no_other_request() {
    let mut harness = Harness::new();
    let key = harness.open_keep_conn(1);
    harness.send([begin(2, Role(9), true), stdin(1, b"body"), stdin_end(1)].concat());
    assert_eq!(harness.events(), [Event::BodyReadable(key)]);
    harness.server.stdout(key, b"x").unwrap();
    harness.server.end_request(key, 0).unwrap();
    let expected = [
        end_request_with(2, 0, ProtocolStatus::UNKNOWN_ROLE),
        stdout(1, b"x"),
        stdout(1, b""),
        end_request(1),
    ];
    assert_eq!(harness.written_records(), expected);
}

#[test]
fn a_peer_that_never_reads_is_paused() {
    let floods: [(&str, Vec<u8>); 4] = [
        ("queries", get_values(&[("FCGI_MAX_CONNS", "")])),
        ("unknown types", record(RecordType(77), 0, b"")),
        ("requests aborted in PARAMS", [begin(1, Role::RESPONDER, true), abort(1)].concat()),
        ("requests in an unknown role", [begin(1, Role(9), true), abort(1)].concat()),
    ];
    for (what, wire) in floods {
        let mut harness = Harness::with(|config| config.limits.max_control_bytes = 1000);
        let mut rounds = 0;
        while harness.server.wants_read() {
            harness.send(&wire);
            rounds += 1;
            assert!(rounds < 1000, "{what} are accepted without limit");
        }
        assert!((1000..1100).contains(&harness.server.output().len()), "{what}");
        harness.written_records();
        assert!(harness.server.wants_read(), "{what}: written bytes do not count");
    }
}

#[test]
fn unwritten_output_does_not_stop_the_input() {
    let mut harness = Harness::with(|config| config.limits.max_control_bytes = 1000);
    // Written responses do not count.
    for _ in 0..1000 {
        harness.send(get_values(&[]));
        harness.written_records();
    }
    let key = harness.open_keep_conn(1);
    harness.server.stdout(key, &[b'x'; 100_000]).unwrap();
    harness.send(get_values(&[]));
    assert!(harness.server.wants_read(), "the peer may read the response only after it has written the body");
}
