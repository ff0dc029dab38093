//! Requests from their begin to their end.

use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use super::wire::*;
use crate::client::{AnswerState, Config, Connection, EndOfInput, Event};
use crate::{EndRequest, ProtocolStatus, RecordType, Role, UserError, Variable};

fn server() -> Connection {
    Connection::new(Config::default())
}

fn several() -> Connection {
    Connection::new(Config { max_concurrent_requests: 8, ..Config::default() })
}

fn complete() -> EndRequest {
    EndRequest { app_status: 0, protocol_status: ProtocolStatus::REQUEST_COMPLETE }
}

#[test]
fn a_request_is_these_records_in_this_order() {
    let mut server = server();
    let key = server.begin(Role::RESPONDER, false).unwrap();
    server.param(key, b"A", b"1").unwrap();
    server.param(key, b"B", b"").unwrap();
    server.end_params(key).unwrap();
    server.stdin(key, b"bo").unwrap();
    server.stdin(key, b"").unwrap();
    server.stdin_bytes(key, Bytes::from_static(b"dy")).unwrap();
    server.end_stdin(key).unwrap();
    assert_eq!(
        records(&mut server),
        [
            (RecordType::BEGIN_REQUEST, 1, vec![0, 1, 0, 0, 0, 0, 0, 0]),
            (RecordType::PARAMS, 1, b"\x01\x01A1\x01\x00B".to_vec()),
            (RecordType::PARAMS, 1, vec![]),
            (RecordType::STDIN, 1, b"body".to_vec()),
            (RecordType::STDIN, 1, vec![]),
        ]
    );
}

#[test]
fn filters_send_data_and_authorizers_send_no_stdin() {
    let mut server = several();
    let filter = server.begin(Role::FILTER, true).unwrap();
    let authorizer = server.begin(Role::AUTHORIZER, true).unwrap();
    for key in [filter, authorizer] {
        server.end_params(key).unwrap();
    }
    assert_eq!(server.data_bytes(filter, Bytes::from_static(b"x")), Err(UserError::StreamNotOpen));
    server.end_stdin(filter).unwrap();
    server.data_bytes(filter, Bytes::from_static(b"x")).unwrap();
    server.end_data(filter).unwrap();
    assert_eq!(server.stdin(authorizer, b"x"), Err(UserError::StreamEnded));
    let kinds: Vec<_> = records(&mut server).into_iter().map(|(kind, id, _)| (kind, id)).collect();
    assert_eq!(
        kinds,
        [
            (RecordType::BEGIN_REQUEST, 1),
            (RecordType::BEGIN_REQUEST, 2),
            (RecordType::PARAMS, 1),
            (RecordType::PARAMS, 2),
            (RecordType::STDIN, 1),
            (RecordType::DATA, 1),
            (RecordType::DATA, 1),
        ]
    );
}

#[test]
fn a_variable_that_is_longer_than_a_record_takes_two() {
    let mut server = server();
    let key = server.begin(Role::RESPONDER, true).unwrap();
    server.param(key, b"N", &vec![b'v'; 70_000]).unwrap();
    server.end_params(key).unwrap();
    let records = records(&mut server);
    let lengths: Vec<_> = records.iter().map(|(_, _, content)| content.len()).collect();
    assert_eq!(lengths, [8, 65_535, 70_006 - 65_535, 0]);
}

#[test]
fn an_answer_with_its_empty_stdout_and_without() {
    for with_empty in [true, false] {
        let mut server = server();
        let key = ask(&mut server);
        sent(&mut server);
        let empty = if with_empty { stdout(1, b"") } else { vec![] };
        server.receive(&[stdout(1, b"he"), stdout(1, b"ad"), empty].concat()).unwrap();
        assert_eq!((server.poll_event(), server.poll_event()), (Some(Event::StdoutReadable(key)), None));
        let state = if with_empty { AnswerState::Ended } else { AnswerState::Open };
        assert_eq!(answer(&mut server, key), (b"head".to_vec(), state));
        assert_eq!(server.end_of_input(), EndOfInput::InRequest, "END_REQUEST alone ends it");
        server.receive(&end(1)).unwrap();
        assert_eq!(
            (server.poll_event(), server.poll_event()),
            (Some(Event::RequestEnded(key, complete())), None)
        );
        assert_eq!(server.abort(key), Err(UserError::RequestClosed));
        assert_eq!(server.end_of_input(), EndOfInput::Clean);
        assert!(server.is_idle());
    }
}

#[test]
fn stderr_is_a_stream_of_its_own_wherever_it_comes() {
    let mut server = server();
    let key = ask(&mut server);
    let wire =
        [stderr(1, b"a"), stdout(1, b"1"), stderr(1, b""), stderr(1, b"b"), stdout(1, b""), stderr(1, b"c")];
    server.receive(&[wire.concat(), end(1)].concat()).unwrap();
    let events: Vec<_> = core::iter::from_fn(|| server.poll_event()).collect();
    assert_eq!(
        events,
        [Event::StderrReadable(key), Event::StdoutReadable(key), Event::RequestEnded(key, complete())]
    );
    let mut text = alloc::collections::VecDeque::new();
    assert_eq!(server.read_stderr(key, &mut text), Ok(AnswerState::Ended));
    assert_eq!(Vec::from(text).concat(), b"abc");
    server.release_capacity(key, 0);
    assert_eq!(answer(&mut server, key), (b"1".to_vec(), AnswerState::Ended));
    server.release_capacity(key, 3);
    assert_eq!((server.unread_bytes(), server.discard(key)), (0, Err(UserError::RequestClosed)));
}

#[test]
fn unread_output_outlives_the_end_of_its_request() {
    let mut server = server();
    let first = ask(&mut server);
    server.receive(&[stdout(1, b"one"), end(1)].concat()).unwrap();
    let second = ask(&mut server);
    server.receive(&[stdout(1, b"two"), end(1)].concat()).unwrap();
    assert_eq!(answer(&mut server, first).0, b"one");
    assert_eq!(answer(&mut server, second).0, b"two");
    assert_eq!(server.discard(first), Err(UserError::RequestClosed));
}

#[test]
fn ids_are_the_lowest_that_are_free() {
    let mut server = several();
    let keys: Vec<_> = (0..3).map(|_| ask(&mut server)).collect();
    server.receive(&end(2)).unwrap();
    sent(&mut server);
    ask(&mut server);
    assert!(records(&mut server).iter().all(|(_, id, _)| *id == 2));
    assert_eq!(server.active_keys().filter(|key| keys.contains(key)).count(), 2);
}

#[test]
fn requests_are_limited_and_none_follow_a_final_one() {
    let mut server = server();
    ask(&mut server);
    assert_eq!(server.begin(Role::RESPONDER, true), Err(UserError::TooManyRequests));
    server.set_max_concurrent_requests(2);
    server.begin(Role::RESPONDER, false).unwrap();
    server.receive(&end(1)).unwrap();
    assert_eq!(server.begin(Role::RESPONDER, true), Err(UserError::ConnectionClosing));
    assert_eq!(server.get_values(&Variable::ALL), Err(UserError::ConnectionClosing));
}

#[test]
fn an_early_end_stops_the_upload_on_a_kept_connection() {
    for (keep_conn, expected) in [(true, vec![RecordType::STDIN]), (false, vec![])] {
        let mut server = server();
        let key = server.begin(Role::RESPONDER, keep_conn).unwrap();
        server.end_params(key).unwrap();
        server.stdin(key, b"half of it").unwrap();
        sent(&mut server);
        server.receive(&[stdout(1, b"no"), end(1)].concat()).unwrap();
        assert_eq!(server.stdin(key, b"the rest"), Err(UserError::RequestClosed));
        let kinds: Vec<_> = records(&mut server).into_iter().map(|(kind, _, _)| kind).collect();
        assert_eq!(kinds, expected);
    }
}

#[test]
fn an_aborted_request_is_dropped_up_to_its_end() {
    let mut server = server();
    let key = ask(&mut server);
    server.receive(&stdout(1, b"begun")).unwrap();
    sent(&mut server);
    server.abort(key).unwrap();
    assert_eq!((server.abort(key), server.unread_bytes()), (Err(UserError::RequestClosed), 0));
    assert_eq!(records(&mut server), [(RecordType::ABORT_REQUEST, 1, vec![])]);
    server.receive(&[stdout(1, b"more"), stderr(1, b"x"), stdout(1, b"")].concat()).unwrap();
    assert_eq!((server.unread_bytes(), server.active_requests()), (0, 1));
    assert_eq!(server.begin(Role::RESPONDER, true), Err(UserError::TooManyRequests), "the id is taken");
    server.receive(&end_with(1, 9, ProtocolStatus::REQUEST_COMPLETE)).unwrap();
    let events: Vec<_> = core::iter::from_fn(|| server.poll_event()).collect();
    assert!(matches!(
        events[..],
        [Event::StdoutReadable(_), Event::RequestEnded(_, EndRequest { app_status: 9, .. })]
    ));
    ask(&mut server);
}

#[test]
fn a_refusal_is_an_end_with_its_reason() {
    for status in [ProtocolStatus::CANT_MPX_CONN, ProtocolStatus::OVERLOADED, ProtocolStatus::UNKNOWN_ROLE] {
        let mut server = server();
        let key = ask(&mut server);
        server.receive(&end_with(1, 0, status)).unwrap();
        let end = EndRequest { app_status: 0, protocol_status: status };
        assert_eq!(server.poll_event(), Some(Event::RequestEnded(key, end)));
    }
}

#[test]
fn variables_are_asked_for_and_told() {
    let mut server = server();
    server.get_values(&[Variable::MaxConns, Variable::MpxsConns]).unwrap();
    let query = b"\x0e\x00FCGI_MAX_CONNS\x0f\x00FCGI_MPXS_CONNS".to_vec();
    assert_eq!(records(&mut server), [(RecordType::GET_VALUES, 0, query)]);
    assert!(!server.is_idle());
    server.receive(&record(RecordType::GET_VALUES_RESULT, 0, b"\x0f\x01FCGI_MPXS_CONNS1")).unwrap();
    let Some(Event::Values(values)) = server.poll_event() else { panic!("values") };
    assert_eq!(values.iter().collect::<Vec<_>>(), [(&b"FCGI_MPXS_CONNS"[..], &b"1"[..])]);
    assert!(server.is_idle());

    server.get_values(&Variable::ALL).unwrap();
    server.receive(&record(RecordType::UNKNOWN_TYPE, 0, &[9, 0, 0, 0, 0, 0, 0, 0])).unwrap();
    assert_eq!(server.poll_event(), Some(Event::ValuesUnsupported));
}
