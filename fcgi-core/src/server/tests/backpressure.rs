//! What is charged for unread bodies, when input pauses, and what sets it going again.

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use super::wire::*;
use crate::server::Event;
use crate::{RecordType, Role, Roles, StreamState};

const R: Role = Role::RESPONDER;

/// Small bounds: 100 bytes for one request alone, 300 for several together.
fn link() -> Link {
    Link::with(|config| {
        config.limits.request_window = 100;
        config.limits.connection_window = 300;
        config.roles = Roles::ALL;
    })
}

#[test]
fn one_request_pauses_at_its_window_until_released() {
    let mut link = link();
    let key = link.open_kept(1);
    link.send(stdin(1, &[1; 99]));
    assert!(link.app.wants_read());
    link.send(stdin(1, &[2; 1]));
    assert!(!link.app.wants_read());
    let mut chunks = VecDeque::new();
    assert_eq!(link.app.read_body(key, &mut chunks), Ok(StreamState::Open));
    assert_eq!(chunks.iter().map(Bytes::len).sum::<usize>(), 100);
    assert!(!link.app.wants_read(), "read is not consumed");
    link.app.release_capacity(key, 1);
    assert!(link.app.wants_read());
    assert_eq!(link.app.unread_bytes(), 99);
}

#[test]
fn several_requests_share_the_window() {
    let mut link = link();
    let one = link.open_kept(1);
    let two = link.open_kept(2);
    link.send(stdin(1, &[1; 200]));
    assert!(link.app.wants_read(), "two are alive");
    link.send(stdin(2, &[2; 100]));
    assert!(!link.app.wants_read());
    link.app.end_request(two, 0).unwrap();
    assert_eq!(link.app.unread_bytes(), 200, "what was charged for it went with it");
    assert!(!link.app.wants_read(), "one alone is over its own bound");
    link.app.release_capacity(one, 101);
    assert!(link.app.wants_read());
}

#[test]
fn control_records_are_read_behind_an_unread_body() {
    let mut link = link();
    let slow = link.open_kept(1);
    link.send(stdin(1, &[1; 90]));
    assert!(link.app.wants_read());
    link.send([abort(1), record(RecordType::GET_VALUES, 0, b""), head(2, R, true)].concat());
    let events = link.events();
    assert_eq!(events[..2], [Event::BodyReadable(slow), Event::Aborted(slow)]);
    assert!(matches!(events[2], Event::Request(_)));
    assert_eq!(link.answers().len(), 1);
}

#[test]
fn what_arrives_over_the_bound_is_taken_all_the_same() {
    let mut link = link();
    let key = link.open_kept(1);
    let wire = [stdin(1, &[1; 60_000]), abort(1)].concat();
    link.send(wire);
    assert_eq!(link.events(), [Event::BodyReadable(key), Event::Aborted(key)]);
    assert_eq!(link.body(key).0.len(), 60_000);
    assert_eq!(link.app.unread_bytes(), 0);
}

#[test]
fn a_discarded_body_uses_no_window() {
    let mut link = link();
    let key = link.open_kept(1);
    link.send(stdin(1, &[1; 500]));
    assert!(!link.app.wants_read());
    link.events();
    link.app.discard_body(key).unwrap();
    assert_eq!(link.app.unread_bytes(), 0);
    for _ in 0..1000 {
        link.send(stdin(1, &[1; 500]));
        assert!(link.app.wants_read());
    }
    link.send(end_of_stdin(1));
    assert_eq!(link.events(), [], "nobody waits for it");
    assert_eq!(link.body(key), (vec![], StreamState::Ended));
    link.app.end_request(key, 0).unwrap();
    assert_eq!(link.app.requests.len(), 0);
}

#[test]
fn both_filter_bodies_share_window_and_discard() {
    let data = |len: usize| record(RecordType::DATA, 1, &vec![3; len]);
    let mut link = link();
    let key = link.open(1, Role::FILTER, true);
    link.send([stdin(1, &[1; 40]), end_of_stdin(1), data(50)].concat());
    assert_eq!(link.app.unread_bytes(), 90);
    link.app.release_capacity(key, 60);
    assert_eq!(link.app.unread_bytes(), 30);
    link.app.discard_body(key).unwrap();
    link.send(data(5000));
    assert_eq!((link.app.unread_bytes(), link.data(key)), (0, (vec![], StreamState::Open)));
    assert_eq!(link.events(), [Event::BodyReadable(key)], "from before it was discarded");

    // Discarded before the second one has begun.
    let key = link.open(2, Role::FILTER, true);
    link.app.discard_body(key).unwrap();
    link.send([stdin(2, &[1; 40]), end_of_stdin(2), record(RecordType::DATA, 2, &[3; 40])].concat());
    assert_eq!((link.events(), link.app.unread_bytes()), (vec![], 0));
}

#[test]
fn more_cannot_be_consumed_than_was_charged() {
    let mut link = link();
    let (one, two) = (link.open_kept(1), link.open_kept(2));
    link.send([stdin(1, &[1; 10]), stdin(2, &[2; 20])].concat());
    link.app.release_capacity(one, usize::MAX);
    assert_eq!(link.app.unread_bytes(), 20, "the other's charge stays");
    link.app.release_capacity(one, 5);
    assert_eq!(link.app.unread_bytes(), 20);
    link.app.end_request(two, 0).unwrap();
    link.app.release_capacity(two, 20);
    assert_eq!(link.app.unread_bytes(), 0);
}

#[test]
fn whatever_ends_a_request_takes_its_charge_with_it() {
    type Ends = fn(&mut Link, crate::RequestKey);
    let table: [(&str, Ends); 5] = [
        ("end", |link, key| link.app.end_request(key, 0).unwrap()),
        ("fail", |link, key| link.app.abort_response(key).unwrap()),
        ("abort, then end", |link, key| {
            link.send(abort(1));
            assert_eq!(link.app.unread_bytes(), 80, "until it is ended");
            link.app.end_request(key, 0).unwrap();
        }),
        ("read, then end", |link, key| {
            link.app.read_body(key, &mut VecDeque::new()).unwrap();
            link.app.end_request(key, 0).unwrap();
        }),
        ("consumed in part, then end", |link, key| {
            link.app.release_capacity(key, 30);
            link.app.end_request(key, 0).unwrap();
        }),
    ];
    for (what, ends) in table {
        let mut link = link();
        let key = link.open_kept(1);
        link.send(stdin(1, &[1; 80]));
        ends(&mut link, key);
        assert_eq!((link.app.unread_bytes(), link.app.active_requests()), (0, 0), "{what}");
        link.send(stdin(1, &[1; 80]));
        assert_eq!(link.app.unread_bytes(), 0, "{what}: nor is what comes late charged");
    }
}

#[test]
fn largest_unread_is_the_request_with_most_bytes() {
    let mut link = link();
    assert_eq!(link.app.largest_unread(), None);
    let [one, two, three] = [1, 2, 3].map(|id| link.open_kept(id));
    assert_eq!(link.app.largest_unread(), None, "nothing is unread");
    link.send([stdin(1, &[1; 10]), stdin(2, &[2; 30]), stdin(3, &[3; 20])].concat());
    assert_eq!(link.app.largest_unread(), Some(two));
    link.app.release_capacity(two, 15);
    assert_eq!(link.app.largest_unread(), Some(three));
    link.app.end_request(three, 0).unwrap();
    assert_eq!(link.app.largest_unread(), Some(two));
    link.app.discard_body(two).unwrap();
    assert_eq!(link.app.largest_unread(), Some(one));
    // Both bodies of a Filter count.
    link.events();
    let filter = link.open(4, Role::FILTER, true);
    link.send([stdin(4, &[4; 6]), end_of_stdin(4), record(RecordType::DATA, 4, &[4; 6])].concat());
    assert_eq!(link.app.largest_unread(), Some(filter));
}

#[test]
fn the_oldest_incomplete_head_began_first() {
    let mut link = link();
    assert_eq!(link.app.incomplete_heads().min(), None);
    // The slot of the first request is used again by the fourth, which is then the youngest.
    let first = link.open_kept(9);
    link.send([begin(2, R, true), begin(1, R, true)].concat());
    link.app.end_request(first, 0).unwrap();
    link.send(end_of_stdin(9));
    link.send(begin(3, R, true));
    let mut order = Vec::new();
    while let Some(key) = link.app.incomplete_heads().min() {
        order.push(link.app.requests.by_key(key).unwrap().id.0);
        link.app.reject(key).unwrap();
    }
    assert_eq!(order, [2, 1, 3]);
}

#[test]
fn a_request_with_slow_params_can_be_rejected() {
    let mut link = link();
    link.send([begin(1, R, true), params(1, &[1, 5])].concat());
    let key = link.app.incomplete_heads().min().unwrap();
    link.app.reject(key).unwrap();
    assert_eq!(
        (link.events(), link.app.active_requests()),
        (vec![], 1),
        "the driver knows, nobody need tell it"
    );
    link.app.stdout(key, b"Status: 408\r\n\r\n").unwrap();
    link.app.end_request(key, 0).unwrap();
    assert_eq!(link.answers(), [out(1, b"Status: 408\r\n\r\n"), out(1, b""), end(1)]);
    link.send([params(1, b"cut off"), end_of(RecordType::PARAMS, 1), end_of_stdin(1)].concat());
    link.is_usable_for(1);
}

#[test]
fn one_byte_stdin_records_stay_within_the_limit() {
    let mut link = Link::new();
    let limit = crate::Limits::default().request_window;
    let key = link.open_kept(1);
    let owner = Bytes::from(stdin(1, b"x").repeat(7000));
    while link.app.wants_read() {
        link.app.receive_shared(&owner).unwrap();
    }
    assert!((limit..limit + 7000).contains(&link.app.unread_bytes()), "what is charged is what came");
    let mut chunks = VecDeque::new();
    link.app.read_body(key, &mut chunks).unwrap();
    // One buffer: neither a slice for each byte nor the web server's headers between them.
    assert_eq!(chunks.iter().map(Bytes::len).collect::<Vec<_>>(), [link.app.unread_bytes()]);
    assert!(chunks[0] == vec![b'x'; link.app.unread_bytes()]);
}

#[test]
fn large_pieces_of_a_body_are_shared_and_not_copied() {
    let mut link = Link::new();
    let key = link.open_kept(1);
    let owner = Bytes::from([stdin(1, &[7; 32_768]), end_of_stdin(1)].concat());
    link.app.receive_shared(&owner).unwrap();
    let mut chunks = VecDeque::new();
    assert_eq!(link.app.read_body(key, &mut chunks), Ok(StreamState::Ended));
    assert_eq!(chunks, [&owner[8..8 + 32_768]]);
    assert_eq!(chunks[0].as_ptr(), owner[8..].as_ptr());
}

#[test]
fn filter_data_read_first_takes_no_window_from_stdin() {
    let mut link = link();
    let key = link.open(1, Role::FILTER, true);
    let data = [record(RecordType::DATA, 1, b"file"), end_of(RecordType::DATA, 1)];
    link.send([stdin(1, b"body"), end_of_stdin(1), data.concat()].concat());
    assert_eq!(link.data(key), (b"file".to_vec(), StreamState::Ended));
    assert_eq!(link.app.unread_bytes(), 4);
    assert_eq!(link.body(key), (b"body".to_vec(), StreamState::Ended));
    assert_eq!(link.app.unread_bytes(), 0);
}
