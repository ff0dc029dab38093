//! When and how a connection ends, and what its end cuts off.

use alloc::vec;

use super::wire::*;
use crate::server::{CloseAction, EndOfInput};
use crate::{ProtocolErrorKind, ProtocolStatus, RecordType, RequestKey, Role, StreamState, UserError};

const R: Role = Role::RESPONDER;

/// What is done to a link.
type Steps = fn(&mut Link);

fn answered(link: &mut Link, id: u16, keep_conn: bool) -> RequestKey {
    let key = link.open(id, R, keep_conn);
    link.app.end_request(key, 0).unwrap();
    key
}

#[test]
fn should_close_in_every_state() {
    let table: [(&str, Option<CloseAction>, Steps); 16] = [
        ("nothing was received", None, |_| ()),
        ("in PARAMS", None, |link| link.send(begin(1, R, false))),
        ("in STDIN", None, |link| _ = link.open(1, R, false)),
        ("kept, answered, input open", None, |link| _ = answered(link, 1, true)),
        ("kept, over", None, |link| {
            answered(link, 1, true);
            link.send(end_of_stdin(1));
        }),
        ("not kept, answered, input open", Some(CloseAction::LingeringClose), |link| {
            _ = answered(link, 1, false)
        }),
        ("not kept, over", Some(CloseAction::Close), |link| {
            answered(link, 1, false);
            link.send(end_of_stdin(1));
        }),
        ("not kept, over, in the next record's header", Some(CloseAction::LingeringClose), |link| {
            answered(link, 1, false);
            link.send([&end_of_stdin(1), &begin(2, R, true)[..3]].concat());
        }),
        ("not kept, over, in the last record's padding", Some(CloseAction::LingeringClose), |link| {
            answered(link, 1, false);
            link.send(&padded(RecordType::STDIN, 1, b"", 5)[..10]);
        }),
        ("not kept, rejected, input open", Some(CloseAction::LingeringClose), |link| {
            link.send(begin(1, Role(9), false))
        }),
        ("not kept, given up", Some(CloseAction::Close), |link| {
            answered(link, 1, false);
            link.send(abort(1));
        }),
        ("closed while idle", Some(CloseAction::Close), |link| link.app.stop_accepting()),
        ("closed while alive", None, |link| {
            link.open(1, R, true);
            link.app.stop_accepting();
        }),
        ("closed, kept, input open", Some(CloseAction::LingeringClose), |link| {
            answered(link, 1, true);
            link.app.stop_accepting();
        }),
        ("cut off", Some(CloseAction::Reset), |link| {
            let key = link.open(1, R, true);
            link.app.abort_response(key).unwrap();
        }),
        ("a violation", Some(CloseAction::LingeringClose), |link| _ = link.breaks(begin(0, R, true))),
    ];
    for (what, close, steps) in table {
        let mut link = Link::new();
        steps(&mut link);
        assert_eq!(link.app.close_action(), close, "{what}");
    }
}

#[test]
fn end_of_input_in_every_state() {
    use EndOfInput::{Clean, InParams, InRecord, InRequest};
    let table: [(&str, EndOfInput, Steps); 18] = [
        ("nothing was received", Clean, |_| ()),
        ("in a header", InRecord, |link| link.send(&begin(1, R, true)[..1])),
        ("in BEGIN_REQUEST", InRecord, |link| link.send(&begin(1, R, true)[..12])),
        ("after BEGIN_REQUEST", InParams, |link| link.send(begin(1, R, true))),
        ("in PARAMS", InParams, |link| link.send([begin(1, R, true), params(1, b"\x01")].concat())),
        ("in a record of PARAMS", InParams, |link| {
            link.send([&begin(1, R, true), &params(1, b"\x01\x01")[..9]].concat());
        }),
        ("before STDIN", InRequest, |link| _ = link.open_kept(1)),
        ("in a record of STDIN", InRequest, |link| {
            link.open_kept(1);
            link.send(&stdin(1, b"abcd")[..10]);
        }),
        ("after STDIN", InRequest, |link| {
            link.open_kept(1);
            link.send(end_of_stdin(1));
        }),
        ("answered, STDIN open", Clean, |link| _ = answered(link, 1, true)),
        ("answered, in a header", Clean, |link| {
            answered(link, 1, true);
            link.send(&stdin(1, b"abcd")[..4]);
        }),
        ("answered, in a record of STDIN", Clean, |link| {
            answered(link, 1, true);
            link.send(&stdin(1, b"abcd")[..10]);
        }),
        ("answered, in another's record", InRecord, |link| {
            answered(link, 1, true);
            link.send(&begin(2, R, true)[..10]);
        }),
        ("over", Clean, |link| {
            answered(link, 1, true);
            link.send(end_of_stdin(1));
        }),
        ("over, in the padding of the last record", Clean, |link| {
            answered(link, 1, true);
            link.send(&padded(RecordType::STDIN, 1, b"", 5)[..10]);
        }),
        ("over, in the next header", InRecord, |link| {
            answered(link, 1, true);
            link.send([&end_of_stdin(1), &begin(1, R, true)[..7]].concat());
        }),
        ("in a management record", InRecord, |link| {
            link.send(&record(RecordType::GET_VALUES, 0, &pairs(&[("A", "")]))[..9]);
        }),
        ("rejected on the way out, in a record of its PARAMS", Clean, |link| {
            link.app.stop_accepting();
            link.send([&begin(1, R, true), &params(1, b"\x01\x01")[..9]].concat());
        }),
    ];
    for (what, end, steps) in table {
        let mut link = Link::new();
        steps(&mut link);
        assert_eq!(link.app.end_of_input(), end, "{what}");
    }
}

#[test]
fn an_aborted_response_lets_other_requests_end_first() {
    let mut link = Link::new();
    let (cut, other) = (link.open_kept(1), link.open_kept(2));
    link.app.stdout(cut, b"half an ans").unwrap();
    link.send(stdin(1, b"unread"));
    link.app.abort_response(cut).unwrap();
    assert_eq!((link.app.active_requests(), link.app.unread_bytes()), (1, 0));
    for misuse in [link.app.stdout(cut, b"wer"), link.app.end_request(cut, 0), link.app.abort_response(cut)] {
        assert_eq!(misuse, Err(UserError::RequestClosed));
    }
    link.send([stdin(1, b"still sent"), end_of_stdin(1)].concat());
    assert_eq!(link.answers(), [out(1, b"half an ans")]);

    // No more requests; the one that is alive is served.
    link.send([begin(3, R, true), abort(3)].concat());
    assert_eq!(link.answers(), [ended(3, 0, ProtocolStatus::OVERLOADED)]);
    link.send([stdin(2, b"body"), end_of_stdin(2)].concat());
    assert_eq!(link.body(other), (b"body".to_vec(), StreamState::Ended));
    assert_eq!(link.app.close_action(), None);
    link.app.stdout(other, b"whole").unwrap();
    link.app.end_request(other, 0).unwrap();
    assert_eq!(link.answers(), [out(2, b"whole"), out(2, b""), end(2)]);
    assert_eq!(link.app.close_action(), Some(CloseAction::Reset));
}

#[test]
fn an_aborted_response_is_never_forgotten() {
    let table: [(&str, Steps); 4] = [
        ("a close in good order", |link| link.app.stop_accepting()),
        ("a violation", |link| _ = link.breaks(begin(0, R, true))),
        ("a violation by the next request on its id", |link| {
            assert_eq!(link.breaks(begin(1, R, true)).kind, ProtocolErrorKind::DuplicateRequestId);
        }),
        ("requests that are rejected", |link| {
            for id in 2..1000 {
                link.send(begin(id, R, true));
            }
        }),
    ];
    for (what, steps) in table {
        let mut link = Link::new();
        let key = link.open_kept(1);
        link.app.abort_response(key).unwrap();
        steps(&mut link);
        assert_eq!(link.app.close_action(), Some(CloseAction::Reset), "{what}");
    }
}

#[test]
fn requests_can_end_or_abort_after_a_protocol_error() {
    let mut link = Link::new();
    let (whole, half) = (link.open_kept(1), link.open_kept(2));
    link.app.stdout(half, b"half an ans").unwrap();
    link.breaks(begin(0, R, true));
    assert_eq!(link.app.close_action(), None, "two are alive");
    link.app.stdout(whole, b"whole").unwrap();
    link.app.end_request(whole, 0).unwrap();
    link.app.abort_response(half).unwrap();
    assert_eq!(link.answers(), [out(2, b"half an ans"), out(1, b"whole"), out(1, b""), end(1)]);
    assert_eq!(link.app.close_action(), Some(CloseAction::Reset));
}

#[test]
fn a_closing_connection_completes_partial_params() {
    let mut link = Link::new();
    link.send(begin(1, R, true));
    link.app.stop_accepting();
    link.send(head(2, R, true));
    assert_eq!(link.answers(), [ended(2, 0, ProtocolStatus::OVERLOADED)], "a new one is not taken");
    link.send([all_params(1, &[]), end_of_stdin(1)].concat());
    let key = link.request().key;
    link.app.end_request(key, 0).unwrap();
    assert_eq!(link.answers(), [out(1, b""), end(1)]);
    // The web server may not have read the rejection, and is still sending that request's body.
    assert_eq!(link.app.close_action(), Some(CloseAction::LingeringClose));
    link.send(end_of_stdin(2));
    assert_eq!(link.app.close_action(), Some(CloseAction::Close));
}

#[test]
fn a_connection_is_idle_between_requests_once_flushed() {
    let mut link = Link::new();
    assert!(link.app.is_idle());
    link.send(&begin(1, R, true)[..5]);
    assert!(!link.app.is_idle(), "a request is on its way");
    link.send([&begin(1, R, true)[5..], &all_params(1, &[])].concat());
    let key = link.request().key;
    assert!(!link.app.is_idle());
    link.app.end_request(key, 0).unwrap();
    assert!(!link.app.is_idle(), "its answer waits to be written");
    link.answers();
    assert!(link.app.is_idle(), "whether or not its body has ended");
}

#[test]
fn shrinking_a_busy_connection_loses_nothing() {
    let mut link = Link::with(|config| config.limits.max_params_bytes = 100);
    let query = record(RecordType::GET_VALUES, 0, &pairs(&[("FCGI_MPXS_CONNS", "")]));
    let wire = [query, head(1, R, true), stdin(1, b"abc"), end_of_stdin(1)].concat();
    for byte in wire.chunks(1) {
        link.send(byte);
        link.app.shrink();
    }
    let key = link.request().key;
    assert_eq!(link.body(key), (b"abc".to_vec(), StreamState::Ended));
    let answers = link.answers();
    assert_eq!(answers[0].content, pairs(&[("FCGI_MPXS_CONNS", "1")]));
}

#[test]
fn an_idle_connection_frees_its_memory_and_goes_on() {
    let mut link = Link::new();
    for round in 0..2 {
        let keys = [1, 2, 3].map(|id| link.open_kept(id));
        link.send(record(RecordType::GET_VALUES, 0, &pairs(&[("A", "1")])));
        for (id, key) in [1, 2, 3].into_iter().zip(keys) {
            link.send([stdin(id, &[1; 5000]), end_of_stdin(id)].concat());
            link.app.stdout(key, &vec![1; 100_000]).unwrap();
            link.app.shrink();
            link.app.end_request(key, 0).unwrap();
        }
        assert_eq!(link.events().len(), 3, "round {round}: shrinking loses nothing");
        assert_eq!(link.answers().len(), 1 + 3 * 4);
        link.app.shrink();
        assert_eq!(link.app.events.capacity(), 0);
        assert_eq!(link.app.management.capacity(), 0);
        link.is_usable_for(1);
    }
}
