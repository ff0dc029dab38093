//! Requests from begin to end.

use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use super::wire::*;
use crate::client::{Config, Connection, EndOfInput, Event};
use crate::{EndRequest, ProtocolStatus, RecordType, Role, StreamState, UserError, Variable, encode_pair};

fn client() -> Connection {
    Connection::new(Config::default())
}

fn multiplexing_client() -> Connection {
    Connection::new(Config { max_concurrent_requests: 8, ..Config::default() })
}

fn request_complete() -> EndRequest {
    EndRequest { app_status: 0, protocol_status: ProtocolStatus::REQUEST_COMPLETE }
}

#[test]
fn the_records_of_a_request_are_in_order() {
    let mut client = client();
    let key = client.begin(Role::RESPONDER, false).unwrap();
    client.param(key, b"A", b"1").unwrap();
    client.param(key, b"B", b"").unwrap();
    client.end_params(key).unwrap();
    client.stdin(key, b"bo").unwrap();
    client.stdin(key, b"").unwrap();
    client.stdin_bytes(key, Bytes::from_static(b"dy")).unwrap();
    client.end_stdin(key).unwrap();
    assert_eq!(
        records(&mut client),
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
    let mut client = multiplexing_client();
    let filter = client.begin(Role::FILTER, true).unwrap();
    let authorizer = client.begin(Role::AUTHORIZER, true).unwrap();
    for key in [filter, authorizer] {
        client.end_params(key).unwrap();
    }
    assert_eq!(client.data_bytes(filter, Bytes::from_static(b"x")), Err(UserError::StreamNotOpen));
    client.end_stdin(filter).unwrap();
    client.data_bytes(filter, Bytes::from_static(b"x")).unwrap();
    client.end_data(filter).unwrap();
    assert_eq!(client.stdin(authorizer, b"x"), Err(UserError::StreamEnded));
    let kinds: Vec<_> = records(&mut client).into_iter().map(|(kind, id, _)| (kind, id)).collect();
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
fn a_variable_is_in_one_record() {
    let mut client = client();
    let key = client.begin(Role::RESPONDER, true).unwrap();
    for len in [10, 40_000, 30_000, 10] {
        client.param(key, b"N", &vec![b'v'; len]).unwrap();
    }
    client.end_params(key).unwrap();
    let records = records(&mut client);
    let lengths: Vec<_> = records.iter().map(|(_, _, content)| content.len()).collect();
    assert_eq!(lengths, [8, 13 + 40_006, 30_006 + 13, 0]);
}

#[test]
fn a_variable_longer_than_a_record_is_an_error() {
    let too_long = vec![b'v'; 65_530];
    let mut client = client();
    let key = client.begin(Role::RESPONDER, true).unwrap();
    assert_eq!(client.param(key, b"N", &too_long), Err(UserError::PairTooLong));
    client.param(key, b"M", b"").unwrap();
    client.end_params(key).unwrap();
    let records = records(&mut client);
    assert_eq!(records[1], (RecordType::PARAMS, 1, b"\x01\x00M".to_vec()), "nothing of N is sent");
}

#[test]
fn a_request_is_begun_with_all_its_variables_or_not() {
    for others in [0, 2] {
        let mut client = multiplexing_client();
        let keys: Vec<_> = (0..others).map(|_| send_request(&mut client)).collect();
        take_output(&mut client);
        client.get_values(&[Variable::MaxReqs]).unwrap();
        let queued = client.output_len();
        let too_long = |out: &mut Vec<u8>| encode_pair(out, b"N", &vec![b'v'; 65_530]);
        for keep_conn in [true, false] {
            let begun = client.begin_with_params(Role::RESPONDER, keep_conn, too_long);
            assert_eq!(begun, Err(UserError::PairTooLong));
            assert_eq!((client.output_len(), client.active_requests()), (queued, others));
        }
        let key =
            client.begin_with_params(Role::RESPONDER, true, |out| encode_pair(out, b"N", b"v")).unwrap();
        assert!(client.active_keys().eq(keys.into_iter().chain([key])));
        let id = u16::try_from(others).unwrap() + 1;
        let expected = [
            (RecordType::BEGIN_REQUEST, id, vec![0, 1, 1, 0, 0, 0, 0, 0]),
            (RecordType::PARAMS, id, b"\x01\x01Nv".to_vec()),
            (RecordType::PARAMS, id, vec![]),
        ];
        assert_eq!(records(&mut client)[1..], expected);
    }
}

#[test]
fn a_response_with_and_without_empty_stdout() {
    for with_empty in [true, false] {
        let mut client = client();
        let key = send_request(&mut client);
        take_output(&mut client);
        let empty = if with_empty { stdout(1, b"") } else { vec![] };
        client.receive(&[stdout(1, b"he"), stdout(1, b"ad"), empty].concat()).unwrap();
        assert_eq!((client.poll_event(), client.poll_event()), (Some(Event::StdoutReadable(key)), None));
        let state = if with_empty { StreamState::Ended } else { StreamState::Open };
        assert_eq!(read_response(&mut client, key), (b"head".to_vec(), state));
        assert_eq!(client.end_of_input(), EndOfInput::InRequest, "END_REQUEST alone ends it");
        client.receive(&end_request(1)).unwrap();
        assert_eq!(
            (client.poll_event(), client.poll_event()),
            (Some(Event::RequestEnded(key, request_complete())), None)
        );
        assert_eq!(client.abort(key), Err(UserError::RequestClosed));
        assert_eq!(client.end_of_input(), EndOfInput::Clean);
        assert!(client.is_idle());
    }
}

#[test]
fn stderr_is_independent_of_stdout() {
    let mut client = client();
    let key = send_request(&mut client);
    let wire =
        [stderr(1, b"a"), stdout(1, b"1"), stderr(1, b""), stderr(1, b"b"), stdout(1, b""), stderr(1, b"c")];
    client.receive(&[wire.concat(), end_request(1)].concat()).unwrap();
    let events: Vec<_> = core::iter::from_fn(|| client.poll_event()).collect();
    assert_eq!(
        events,
        [
            Event::StderrReadable(key),
            Event::StdoutReadable(key),
            Event::RequestEnded(key, request_complete())
        ]
    );
    let mut text = alloc::collections::VecDeque::new();
    assert_eq!(client.read_stderr(key, &mut text), Ok(StreamState::Ended));
    assert_eq!(Vec::from(text).concat(), b"abc");
    client.release_capacity(key, 0);
    assert_eq!(read_response(&mut client, key), (b"1".to_vec(), StreamState::Ended));
    client.release_capacity(key, 3);
    assert_eq!((client.unread_bytes(), client.discard(key)), (0, Err(UserError::RequestClosed)));
}

#[test]
fn unread_output_outlives_the_end_of_its_request() {
    let mut client = client();
    let first = send_request(&mut client);
    client.receive(&[stdout(1, b"one"), end_request(1)].concat()).unwrap();
    let second = send_request(&mut client);
    client.receive(&[stdout(1, b"two"), end_request(1)].concat()).unwrap();
    assert_eq!(read_response(&mut client, first).0, b"one");
    assert_eq!(read_response(&mut client, second).0, b"two");
    assert_eq!(client.discard(first), Err(UserError::RequestClosed));
}

#[test]
fn ids_are_the_lowest_free_ones() {
    let mut client = multiplexing_client();
    let keys: Vec<_> = (0..3).map(|_| send_request(&mut client)).collect();
    client.receive(&end_request(2)).unwrap();
    take_output(&mut client);
    send_request(&mut client);
    assert!(records(&mut client).iter().all(|(_, id, _)| *id == 2));
    assert_eq!(client.active_keys().filter(|key| keys.contains(key)).count(), 2);
}

#[test]
fn requests_are_limited_and_end_without_keep_conn() {
    let mut client = client();
    send_request(&mut client);
    assert_eq!(client.begin(Role::RESPONDER, true), Err(UserError::TooManyRequests));
    client.set_max_concurrent_requests(2);
    client.begin(Role::RESPONDER, false).unwrap();
    client.receive(&end_request(1)).unwrap();
    assert_eq!(client.begin(Role::RESPONDER, true), Err(UserError::ConnectionClosing));
    assert_eq!(client.get_values(&Variable::ALL), Err(UserError::ConnectionClosing));
}

#[test]
fn an_early_end_stops_the_upload_on_a_kept_connection() {
    for (keep_conn, expected) in [(true, vec![RecordType::STDIN]), (false, vec![])] {
        let mut client = client();
        let key = client.begin(Role::RESPONDER, keep_conn).unwrap();
        client.end_params(key).unwrap();
        client.stdin(key, b"half of it").unwrap();
        take_output(&mut client);
        client.receive(&[stdout(1, b"no"), end_request(1)].concat()).unwrap();
        assert_eq!(client.stdin(key, b"the rest"), Err(UserError::RequestClosed));
        let kinds: Vec<_> = records(&mut client).into_iter().map(|(kind, _, _)| kind).collect();
        assert_eq!(kinds, expected);
    }
}

#[test]
fn an_aborted_request_is_dropped_up_to_its_end() {
    let mut client = client();
    let key = send_request(&mut client);
    client.receive(&stdout(1, b"begun")).unwrap();
    take_output(&mut client);
    client.abort(key).unwrap();
    assert_eq!((client.abort(key), client.unread_bytes()), (Err(UserError::RequestClosed), 0));
    assert_eq!(records(&mut client), [(RecordType::ABORT_REQUEST, 1, vec![])]);
    client.receive(&[stdout(1, b"more"), stderr(1, b"x"), stdout(1, b"")].concat()).unwrap();
    assert_eq!((client.unread_bytes(), client.active_requests()), (0, 1));
    assert_eq!(client.begin(Role::RESPONDER, true), Err(UserError::TooManyRequests), "the id is in use");
    client.receive(&end_request_with(1, 9, ProtocolStatus::REQUEST_COMPLETE)).unwrap();
    let events: Vec<_> = core::iter::from_fn(|| client.poll_event()).collect();
    assert!(matches!(
        events[..],
        [Event::StdoutReadable(_), Event::RequestEnded(_, EndRequest { app_status: 9, .. })]
    ));
    send_request(&mut client);
}

#[test]
fn a_rejection_is_an_end_with_its_reason() {
    for status in [ProtocolStatus::CANT_MPX_CONN, ProtocolStatus::OVERLOADED, ProtocolStatus::UNKNOWN_ROLE] {
        let mut client = client();
        let key = send_request(&mut client);
        client.receive(&end_request_with(1, 0, status)).unwrap();
        let end = EndRequest { app_status: 0, protocol_status: status };
        assert_eq!(client.poll_event(), Some(Event::RequestEnded(key, end)));
    }
}

#[test]
fn variables_are_queried_and_reported() {
    let mut client = client();
    client.get_values(&[Variable::MaxConns, Variable::MpxsConns]).unwrap();
    let query = b"\x0e\x00FCGI_MAX_CONNS\x0f\x00FCGI_MPXS_CONNS".to_vec();
    assert_eq!(records(&mut client), [(RecordType::GET_VALUES, 0, query)]);
    assert!(!client.is_idle());
    client.receive(&record(RecordType::GET_VALUES_RESULT, 0, b"\x0f\x01FCGI_MPXS_CONNS1")).unwrap();
    let Some(Event::Values(values)) = client.poll_event() else { panic!("values") };
    assert_eq!(values.iter().collect::<Vec<_>>(), [(&b"FCGI_MPXS_CONNS"[..], &b"1"[..])]);
    assert!(client.is_idle());

    client.get_values(&Variable::ALL).unwrap();
    client.receive(&record(RecordType::UNKNOWN_TYPE, 0, &[9, 0, 0, 0, 0, 0, 0, 0])).unwrap();
    assert_eq!(client.poll_event(), Some(Event::ValuesUnsupported));
}
