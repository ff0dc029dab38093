//! The protocol errors of an application, and tolerated deviations.

use alloc::vec;
use alloc::vec::Vec;

use super::wire::*;
use crate::client::{Config, Connection, EndOfInput};
use crate::{
    ProtocolError, ProtocolErrorKind, ProtocolStatus, RecordType, RequestId, Role, UserError, Variable,
};

/// A connection with request 1 active.
fn active_client() -> Connection {
    let mut client = Connection::new(Config::default());
    send_request(&mut client);
    take_output(&mut client);
    client
}

type Case = (&'static str, Vec<u8>, ProtocolErrorKind, u16);

/// What the application sends, and the error with its request id.
fn cases() -> Vec<Case> {
    use ProtocolErrorKind as Kind;
    use RecordType as T;
    vec![
        ("STDOUT of an unknown id", stdout(2, b"x"), Kind::UnknownRequest, 2),
        ("its end", stdout(2, b""), Kind::UnknownRequest, 2),
        ("STDERR of an unknown id", stderr(7, b"x"), Kind::UnknownRequest, 7),
        ("END of an unknown id", end_request(300), Kind::UnknownRequest, 300),
        ("END_REQUEST twice", [end_request(1), end_request(1)].concat(), Kind::UnknownRequest, 1),
        ("STDOUT after END", [end_request(1), stdout(1, b"x")].concat(), Kind::UnknownRequest, 1),
        ("STDOUT after its end", [stdout(1, b""), stdout(1, b"x")].concat(), Kind::StreamAfterEnd, 1),
        ("short END", record(T::END_REQUEST, 1, &[0; 7]), Kind::InvalidEndLength, 1),
        ("long END", record(T::END_REQUEST, 1, &[0; 9]), Kind::InvalidEndLength, 1),
        ("empty END", record(T::END_REQUEST, 1, &[]), Kind::InvalidEndLength, 1),
        ("END without an id", end_request(0), Kind::InvalidRequestId, 0),
        ("STDOUT without an id", stdout(0, b"x"), Kind::InvalidRequestId, 0),
        ("values with an id", record(T::GET_VALUES_RESULT, 1, b""), Kind::InvalidRequestId, 1),
        ("unknown type with an id", record(T::UNKNOWN_TYPE, 1, &[0; 8]), Kind::InvalidRequestId, 1),
        ("long values", record(T::GET_VALUES_RESULT, 0, &[0; 1025]), Kind::ManagementTooLong, 0),
        ("a truncated pair", record(T::GET_VALUES_RESULT, 0, b"\x02\x01N"), Kind::TruncatedPair, 0),
        ("short unknown type", record(T::UNKNOWN_TYPE, 0, &[9]), Kind::InvalidUnknownTypeLength, 0),
        ("long unknown type", record(T::UNKNOWN_TYPE, 0, &[9; 9]), Kind::InvalidUnknownTypeLength, 0),
        ("STDIN", record(T::STDIN, 1, b"x"), Kind::WrongDirection, 1),
        ("BEGIN", record(T::BEGIN_REQUEST, 2, &[0; 8]), Kind::WrongDirection, 2),
        ("GET_VALUES", record(T::GET_VALUES, 0, b""), Kind::WrongDirection, 0),
        ("another version", [2, 6, 0, 1, 0, 0, 0, 0].to_vec(), Kind::InvalidVersion, 1),
    ]
}

#[test]
fn every_protocol_error_is_reported_in_any_chunking() {
    for (what, wire, kind, id) in cases() {
        let error = ProtocolError { kind, request_id: RequestId(id) };
        assert_eq!(active_client().receive(&wire), Err(error), "{what}");
        let mut client = active_client();
        let result = wire.iter().find_map(|byte| client.receive(&[*byte]).err());
        assert_eq!(result, Some(error), "{what}, byte by byte");
        assert_eq!(client.receive(b""), Err(error), "the error persists");
        assert_eq!(client.begin(Role::RESPONDER, true), Err(UserError::ConnectionClosing));
    }
}

#[test]
fn harmless_deviations_are_tolerated() {
    let unexpected_values = record(RecordType::GET_VALUES_RESULT, 0, b"\x01\x01A1");
    let cases = [
        ("the end of STDOUT twice", [stdout(1, b""), stdout(1, b"")].concat()),
        ("STDERR after its end", [stderr(1, b""), stderr(1, b"x")].concat()),
        ("values without a query", unexpected_values),
        ("empty values without a query", record(RecordType::GET_VALUES_RESULT, 0, b"")),
        ("an unknown type that was never sent", record(RecordType::UNKNOWN_TYPE, 0, &[77; 8])),
        ("a record of the future", record(RecordType(99), 1, b"x")),
        ("another", record(RecordType(99), 0, b"x")),
        ("padding", padded(RecordType::STDOUT, 1, b"", 255)),
    ];
    for (what, wire) in cases {
        let mut client = active_client();
        assert_eq!(client.receive(&[wire, end_request(1)].concat()), Ok(()), "{what}");
        assert_eq!((client.active_requests(), client.end_of_input()), (0, EndOfInput::Clean), "{what}");
    }
}

#[test]
fn eof_is_clean_only_between_requests() {
    let wire = [stdout(1, b"x"), stdout(1, b""), padded(RecordType::END_REQUEST, 1, &[0; 8], 3)].concat();
    let (records, whole) = ([0, 9, 17], wire.len() - 3);
    for cut in 0..=wire.len() {
        let mut client = active_client();
        client.receive(&wire[..cut]).unwrap();
        let expected = match cut {
            _ if cut >= whole => EndOfInput::Clean,
            _ if records.contains(&cut) => EndOfInput::InRequest,
            _ => EndOfInput::InRecord,
        };
        assert_eq!(client.end_of_input(), expected, "after {cut} bytes");
        assert_eq!(client.active_keys().count(), usize::from(cut < whole));
    }
    let idle = Connection::new(Config::default());
    assert_eq!(idle.end_of_input(), EndOfInput::Clean);
}

#[test]
fn a_query_gets_one_response() {
    let mut client = Connection::new(Config::default());
    client.get_values(&[Variable::MaxReqs]).unwrap();
    let result = record(RecordType::GET_VALUES_RESULT, 0, b"\x0d\x01FCGI_MAX_REQS1");
    client.receive(&[&result[..], &record(RecordType::GET_VALUES_RESULT, 0, b"")].concat()).unwrap();
    assert_eq!(core::iter::from_fn(|| client.poll_event()).count(), 1);
}

#[test]
fn a_flood_of_tolerated_records_is_not_buffered() {
    let mut client = active_client();
    let flood = [
        record(RecordType::GET_VALUES_RESULT, 0, b"\x01\x01A1"),
        record(RecordType::UNKNOWN_TYPE, 0, &[9, 0, 0, 0, 0, 0, 0, 0]),
        stderr(1, b""),
        record(RecordType(200), 5, &[0; 500]),
    ]
    .concat();
    for _ in 0..1000 {
        client.receive(&flood).unwrap();
    }
    assert_eq!((client.poll_event(), client.unread_bytes()), (None, 0));
    client.receive(&end_request_with(1, 0, ProtocolStatus::REQUEST_COMPLETE)).unwrap();
}
