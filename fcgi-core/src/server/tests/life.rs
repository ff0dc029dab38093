//! The life of a request: it begins with its BEGIN_REQUEST, its body ends on its terminal record, its answer
//! on `end`.

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

use super::wire::*;
use crate::server::{CloseAction, EndOfInput, Event};
use crate::{ProtocolError, ProtocolErrorKind, RecordType, RequestId, Role, Roles, StreamState, UserError};

const R: Role = Role::RESPONDER;

#[test]
fn a_body_ends_exactly_on_its_terminal_record() {
    let mut link = Link::new();
    link.send([begin(1, R, true), all_params(1, &[("CONTENT_LENGTH", "4")])].concat());
    let key = link.request().key;
    assert_eq!(link.body(key), (vec![], StreamState::Open));
    link.send(stdin(1, b"ab"));
    assert_eq!(link.events(), [Event::BodyReadable(key)]);
    link.send(stdin(1, b"cd"));
    assert_eq!(link.events(), [], "told once until it is read");
    assert_eq!(link.body(key), (b"abcd".to_vec(), StreamState::Open), "CONTENT_LENGTH does not end it");
    link.send(stdin(1, b"ef"));
    assert_eq!(link.body(key), (b"ef".to_vec(), StreamState::Open), "nor does it stop there");
    link.events();
    link.send(end_of_stdin(1));
    assert_eq!(link.events(), [Event::BodyReadable(key)]);
    assert_eq!(link.body(key), (vec![], StreamState::Ended));
    link.send(end_of_stdin(1));
    assert_eq!(link.events(), [], "an end after the end says nothing new");
}

#[test]
fn a_request_without_a_body_ends_too() {
    let mut link = Link::new();
    let key = link.open_kept(1);
    link.send(end_of_stdin(1));
    assert_eq!(link.events(), [Event::BodyReadable(key)]);
    assert_eq!(link.body(key), (vec![], StreamState::Ended));
}

#[test]
fn an_early_response_is_complete_at_once() {
    // The body's records come after the answer, late, or never: the answer waits for none of them.
    for keep_conn in [false, true] {
        let mut link = Link::new();
        let key = link.open(1, R, keep_conn);
        link.app.stdout(key, b"Status: 404 Not Found\r\n\r\n").unwrap();
        link.app.end_request(key, 0).unwrap();
        let expected = [out(1, b"Status: 404 Not Found\r\n\r\n"), out(1, b""), end(1)];
        assert_eq!(link.answers(), expected);
        let close = if keep_conn { None } else { Some(CloseAction::LingeringClose) };
        assert_eq!(link.app.close_action(), close, "without KEEP_CONN the web server learns the end now");
        link.send(stdin(1, b"abcd"));
        assert_eq!(link.app.close_action(), close);
        link.send(end_of_stdin(1));
        let close = if keep_conn { None } else { Some(CloseAction::Close) };
        assert_eq!(link.app.close_action(), close);
        assert_eq!((link.events(), link.answers()), (vec![], vec![]));
    }
}

#[test]
fn an_unread_body_of_10_mb_is_dropped_as_it_comes() {
    for keep_conn in [false, true] {
        let mut link = Link::new();
        let key = link.open(1, R, keep_conn);
        link.app.stdout(key, b"no").unwrap();
        link.app.end_request(key, 0).unwrap();
        assert_eq!(link.answers(), [out(1, b"no"), out(1, b""), end(1)]);
        let part = stdin(1, &[b'x'; 32_768]);
        for _ in 0..320 {
            link.send(&part);
            assert!(link.app.wants_read());
            assert_eq!(link.app.unread_bytes(), 0);
        }
        link.send(end_of_stdin(1));
        assert_eq!((link.events(), link.answers(), link.app.requests.len()), (vec![], vec![], 0));
    }
}

#[test]
fn late_stdin_is_skipped_and_not_in_the_next_request() {
    let mut link = Link::new();
    let key = link.open_kept(1);
    link.send(stdin(1, b"read by nobody"));
    link.app.end_request(key, 0).unwrap();
    link.send([stdin(1, b"late"), end_of_stdin(1), stdin(1, b"later than its end")].concat());
    link.answers();
    assert_eq!(link.events(), [Event::BodyReadable(key)], "from before the answer");
    link.is_usable_for(1);
}

#[test]
fn late_params_of_an_answered_request_are_skipped_too() {
    let mut link = Link::new();
    link.send(begin(1, R, true));
    let key = link.app.incomplete_heads().min().unwrap();
    link.app.reject(key).unwrap();
    link.app.stdout(key, b"too slow").unwrap();
    link.app.end_request(key, 0).unwrap();
    assert_eq!(link.answers(), [out(1, b"too slow"), out(1, b""), end(1)]);
    link.send([all_params(1, &[("A", "1")]), stdin(1, b"x"), end_of_stdin(1)].concat());
    assert_eq!((link.events(), link.app.requests.len()), (vec![], 0));
    link.is_usable_for(1);
}

#[test]
fn a_begin_on_an_answered_id_starts_clean() {
    let mut link = Link::new();
    let old = link.open_kept(1);
    link.send(stdin(1, b"old"));
    link.app.end_request(old, 0).unwrap();
    link.send(stdin(1, b"old, late"));
    assert_eq!(link.events(), [Event::BodyReadable(old)], "from before the answer");
    let new = link.open_kept(1);
    assert_ne!(old, new);
    link.send([stdin(1, b"new"), end_of_stdin(1)].concat());
    assert_eq!(link.body(new), (b"new".to_vec(), StreamState::Ended));
    assert_eq!(link.app.stdout(old, b"x"), Err(UserError::RequestClosed));
    assert_eq!(link.app.active_requests(), 1);
    link.app.end_request(new, 0).unwrap();
    assert_eq!(link.answers(), [out(1, b""), end(1), out(1, b""), end(1)]);
}

#[test]
fn a_begin_on_an_active_id_is_a_protocol_error() {
    type Prepare = fn(&mut Link);
    let table: [(&str, Prepare); 6] = [
        ("in its PARAMS", |link| link.send(begin(1, R, true))),
        ("in its STDIN", |link| _ = link.open_kept(1)),
        ("with all its input", |link| {
            link.open_kept(1);
            link.send(end_of_stdin(1));
        }),
        ("given up, not ended", |link| {
            link.open_kept(1);
            link.send(abort(1));
        }),
        ("refused, not ended", |link| {
            link.send([begin(1, R, true), params(1, &[0xff; 8])].concat());
        }),
        ("cut off", |link| {
            let key = link.open_kept(1);
            link.app.abort_response(key).unwrap();
        }),
    ];
    for (what, prepare) in table {
        let mut link = Link::new();
        prepare(&mut link);
        let expected =
            ProtocolError { kind: ProtocolErrorKind::DuplicateRequestId, request_id: RequestId(1) };
        assert_eq!(link.breaks(begin(1, R, true)), expected, "{what}");
    }
}

#[test]
fn nothing_of_one_request_is_visible_in_the_next() {
    let mut link = Link::new();
    link.send([begin(1, R, true), all_params(1, &[("REMOTE_USER", "admin"), ("A", "1")])].concat());
    let first = link.request();
    link.send(stdin(1, b"secret"));
    link.app.stdout(first.key, b"for the first").unwrap();
    link.app.end_request(first.key, 0).unwrap();
    link.send(end_of_stdin(1));
    link.answers();
    link.events();
    link.send([begin(1, R, true), all_params(1, &[("A", "2")]), end_of_stdin(1)].concat());
    let second = link.request();
    assert_eq!(second.params.iter().collect::<Vec<_>>(), [(&b"A"[..], &b"2"[..])]);
    assert_eq!(link.body(second.key), (vec![], StreamState::Ended));
    link.app.end_request(second.key, 0).unwrap();
    assert_eq!(link.answers(), [out(1, b""), end(1)]);
}

#[test]
fn keep_conn_is_per_request_and_the_last_one_decides() {
    for (flags, close) in [
        (&[true][..], None),
        (&[false], Some(CloseAction::Close)),
        (&[true, false], Some(CloseAction::Close)),
        (&[false, true], None),
        (&[true, false, true], None),
    ] {
        let mut link = Link::new();
        assert_eq!(link.app.close_action(), None, "before the first request");
        for &keep_conn in flags {
            let key = link.open(1, R, keep_conn);
            link.send(end_of_stdin(1));
            assert_eq!(link.app.close_action(), None, "{flags:?}: not while a request is alive");
            link.app.end_request(key, 0).unwrap();
            link.events();
        }
        assert_eq!(link.app.close_action(), close, "{flags:?}");
    }
}

#[test]
fn an_authorizer_is_complete_at_the_end_of_its_params() {
    let mut link = Link::with(|config| config.roles = Roles::ALL);
    let key = link.open(1, Role::AUTHORIZER, true);
    assert_eq!(link.body(key), (vec![], StreamState::Ended));
    link.app.stdout(key, b"Status: 200 OK\r\n\r\n").unwrap();
    link.app.end_request(key, 0).unwrap();
    assert_eq!(link.answers(), [out(1, b"Status: 200 OK\r\n\r\n"), out(1, b""), end(1)]);
    assert_eq!(
        (link.app.requests.len(), link.app.end_of_input()),
        (0, EndOfInput::Clean),
        "no STDIN is missing"
    );
    let key = link.open(1, Role::AUTHORIZER, false);
    link.app.end_request(key, 0).unwrap();
    assert_eq!(link.app.close_action(), Some(CloseAction::Close));
}

#[test]
fn an_authorizer_answered_early_ends_with_its_params() {
    let mut link = Link::with(|config| config.roles = Roles::ALL);
    link.send(begin(1, Role::AUTHORIZER, true));
    let key = link.app.incomplete_heads().min().unwrap();
    link.app.reject(key).unwrap();
    link.app.end_request(key, 0).unwrap();
    assert_eq!(link.app.requests.len(), 1);
    link.send(all_params(1, &[("A", "1")]));
    assert_eq!((link.events(), link.app.requests.len()), (vec![], 0));
}

#[test]
fn stdin_of_an_authorizer_is_dropped() {
    let mut link = Link::with(|config| config.roles = Roles::ALL);
    let key = link.open(1, Role::AUTHORIZER, true);
    link.send([stdin(1, b"not for it"), end_of_stdin(1)].concat());
    assert_eq!((link.events(), link.app.unread_bytes()), (vec![], 0));
    assert_eq!(link.body(key), (vec![], StreamState::Ended));
    assert_eq!(link.breaks(record(RecordType::DATA, 1, b"x")).kind, ProtocolErrorKind::UnexpectedData);
}

#[test]
fn filter_bodies_end_on_their_own_empty_records() {
    let data = |content: &[u8]| record(RecordType::DATA, 1, content);
    let mut link = Link::with(|config| config.roles = Roles::ALL);
    let key = link.open(1, Role::FILTER, true);
    link.send(stdin(1, b"form"));
    assert_eq!(link.body(key), (b"form".to_vec(), StreamState::Open));
    assert_eq!(link.data(key), (vec![], StreamState::Open), "it has not begun, which is not its end");
    link.send(end_of_stdin(1));
    assert_eq!(link.body(key), (vec![], StreamState::Ended));
    assert_eq!(link.data(key), (vec![], StreamState::Open));
    link.events();
    link.send(data(b"fi"));
    assert_eq!(link.events(), [Event::BodyReadable(key)]);
    link.send(data(b"le"));
    assert_eq!(link.app.unread_bytes(), 4);
    assert_eq!(link.data(key), (b"file".to_vec(), StreamState::Open));
    link.send(data(b""));
    assert_eq!(
        (link.data(key), link.body(key)),
        ((vec![], StreamState::Ended), (vec![], StreamState::Ended))
    );
    link.app.end_request(key, 0).unwrap();
    assert_eq!((link.app.requests.len(), link.app.unread_bytes()), (0, 0));
}

#[test]
fn data_out_of_its_place_is_a_violation() {
    let data = |content: &[u8]| record(RecordType::DATA, 1, content);
    for content in [&b""[..], b"x"] {
        let mut link = Link::with(|config| config.roles = Roles::ALL);
        link.open(1, Role::FILTER, true);
        assert_eq!(
            link.breaks(data(content)).kind,
            ProtocolErrorKind::UnexpectedData,
            "before the end of STDIN"
        );

        let mut link = Link::with(|config| config.roles = Roles::ALL);
        link.open_kept(1);
        link.send(end_of_stdin(1));
        assert_eq!(
            link.breaks(data(content)).kind,
            ProtocolErrorKind::UnexpectedData,
            "a Responder has none"
        );
    }
    let mut link = Link::with(|config| config.roles = Roles::ALL);
    link.open(1, Role::FILTER, true);
    link.send([end_of_stdin(1), data(b""), data(b"")].concat());
    assert_eq!(link.breaks(data(b"x")).kind, ProtocolErrorKind::StreamAfterEnd);
}

#[test]
fn out_of_order_streams_are_protocol_errors() {
    let begun = begin(1, R, true);
    let table = [
        (begun.clone(), stdin(1, b"x"), ProtocolErrorKind::StdinBeforeParamsEnd),
        (begun, end_of_stdin(1), ProtocolErrorKind::StdinBeforeParamsEnd),
        (head(1, R, true), params(1, &pairs(&[("B", "2")])), ProtocolErrorKind::ParamsAfterEnd),
        ([head(1, R, true), end_of_stdin(1)].concat(), stdin(1, b"x"), ProtocolErrorKind::StreamAfterEnd),
    ];
    for (before, record, rule) in table {
        let mut link = Link::new();
        link.send(before);
        assert_eq!(link.breaks(record), ProtocolError { kind: rule, request_id: RequestId(1) });
    }
}

#[test]
fn a_key_is_invalid_once_its_request_is_over() {
    let mut link = Link::new();
    let key = link.open_kept(1);
    link.send(stdin(1, b"x"));
    link.app.end_request(key, 0).unwrap();
    link.answers();
    // Answered and its input open; over; and with another request in its place.
    for records in [vec![], end_of_stdin(1), head(1, R, true)] {
        link.send(records);
        let app = &mut link.app;
        let mut chunks = VecDeque::new();
        assert_eq!(app.read_body(key, &mut chunks), Err(UserError::RequestClosed));
        assert_eq!(app.read_data(key, &mut chunks), Err(UserError::RequestClosed));
        assert_eq!(app.discard_body(key), Err(UserError::RequestClosed));
        assert_eq!(app.stdout(key, b"x"), Err(UserError::RequestClosed));
        assert_eq!(app.stdout_bytes(key, vec![b'x'; 5000].into()), Err(UserError::RequestClosed));
        assert_eq!(app.stdout_with(key, |_| panic!("not called")), Err(UserError::RequestClosed));
        assert_eq!(app.stderr(key, b"x"), Err(UserError::RequestClosed));
        assert_eq!(app.end_request(key, 0), Err(UserError::RequestClosed));
        assert_eq!(app.abort_response(key), Err(UserError::RequestClosed));
        assert_eq!(app.reject(key), Err(UserError::RequestClosed));
        app.release_capacity(key, 1);
        assert!(chunks.is_empty() && link.answers().is_empty(), "and none of them does anything");
    }
    assert_eq!(link.app.active_requests(), 1);
}

#[test]
fn before_the_end_of_params_only_reject_is_possible() {
    let mut link = Link::new();
    link.send(begin(1, R, true));
    let key = link.app.incomplete_heads().min().unwrap();
    let app = &mut link.app;
    let mut chunks = VecDeque::new();
    assert_eq!(app.read_body(key, &mut chunks), Err(UserError::StreamNotOpen));
    assert_eq!(app.read_data(key, &mut chunks), Err(UserError::StreamNotOpen));
    assert_eq!(app.discard_body(key), Err(UserError::StreamNotOpen));
    assert_eq!(app.stdout(key, b"x"), Err(UserError::StreamNotOpen));
    assert_eq!(app.stdout_with(key, |_| panic!("not called")), Err(UserError::StreamNotOpen));
    assert_eq!(app.stderr(key, b"x"), Err(UserError::StreamNotOpen));
    assert!(!app.is_writable(key));
    assert_eq!(app.end_request(key, 0), Err(UserError::StreamNotOpen));
    assert_eq!(app.abort_response(key), Err(UserError::StreamNotOpen));
    assert!(app.output().is_empty());
    link.send(all_params(1, &[]));
    assert_eq!(link.request().key, key);
    assert_eq!(link.app.reject(key), Err(UserError::RequestClosed));
}
