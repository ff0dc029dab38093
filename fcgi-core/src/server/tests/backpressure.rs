//! Unread bytes of bodies, when input pauses, and what resumes it.

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use super::wire::*;
use crate::server::Event;
use crate::{RecordType, Role, Roles, StreamState};

const R: Role = Role::RESPONDER;

/// Small windows: 100 bytes for one request, 300 for several.
fn harness() -> Harness {
    Harness::with(|config| {
        config.limits.request_window = 100;
        config.limits.connection_window = 300;
        config.roles = Roles::ALL;
    })
}

#[test]
fn one_request_pauses_at_its_window_until_released() {
    let mut harness = harness();
    let key = harness.open_keep_conn(1);
    harness.send(stdin(1, &[1; 99]));
    assert!(harness.server.wants_read());
    harness.send(stdin(1, &[2; 1]));
    assert!(!harness.server.wants_read());
    let mut chunks = VecDeque::new();
    assert_eq!(harness.server.read_body(key, &mut chunks), Ok(StreamState::Open));
    assert_eq!(chunks.iter().map(Bytes::len).sum::<usize>(), 100);
    assert!(!harness.server.wants_read(), "read, but not released");
    harness.server.release_capacity(key, 1);
    assert!(harness.server.wants_read());
    assert_eq!(harness.server.unread_bytes(), 99);
}

#[test]
fn several_requests_share_the_window() {
    let mut harness = harness();
    let one = harness.open_keep_conn(1);
    let two = harness.open_keep_conn(2);
    harness.send(stdin(1, &[1; 200]));
    assert!(harness.server.wants_read(), "two are active");
    harness.send(stdin(2, &[2; 100]));
    assert!(!harness.server.wants_read());
    harness.server.end_request(two, 0).unwrap();
    assert_eq!(harness.server.unread_bytes(), 200, "its bytes are released");
    assert!(!harness.server.wants_read(), "the window of one request is exceeded");
    harness.server.release_capacity(one, 101);
    assert!(harness.server.wants_read());
}

#[test]
fn control_records_are_read_behind_an_unread_body() {
    let mut harness = harness();
    let slow = harness.open_keep_conn(1);
    harness.send(stdin(1, &[1; 90]));
    assert!(harness.server.wants_read());
    harness.send([abort(1), record(RecordType::GET_VALUES, 0, b""), head(2, R, true)].concat());
    let events = harness.events();
    assert_eq!(events[..2], [Event::BodyReadable(slow), Event::Aborted(slow)]);
    assert!(matches!(events[2], Event::Request(_)));
    assert_eq!(harness.written_records().len(), 1);
}

#[test]
fn input_over_the_window_is_still_accepted() {
    let mut harness = harness();
    let key = harness.open_keep_conn(1);
    let wire = [stdin(1, &[1; 60_000]), abort(1)].concat();
    harness.send(wire);
    assert_eq!(harness.events(), [Event::BodyReadable(key), Event::Aborted(key)]);
    assert_eq!(harness.body(key).0.len(), 60_000);
    assert_eq!(harness.server.unread_bytes(), 0);
}

#[test]
fn a_discarded_body_uses_no_window() {
    let mut harness = harness();
    let key = harness.open_keep_conn(1);
    harness.send(stdin(1, &[1; 500]));
    assert!(!harness.server.wants_read());
    harness.events();
    harness.server.discard_body(key).unwrap();
    assert_eq!(harness.server.unread_bytes(), 0);
    for _ in 0..1000 {
        harness.send(stdin(1, &[1; 500]));
        assert!(harness.server.wants_read());
    }
    harness.send(stdin_end(1));
    assert_eq!(harness.events(), [], "discarded");
    assert_eq!(harness.body(key), (vec![], StreamState::Ended));
    harness.server.end_request(key, 0).unwrap();
    assert_eq!(harness.server.requests.len(), 0);
}

#[test]
fn both_filter_bodies_share_window_and_discard() {
    let data = |len: usize| record(RecordType::DATA, 1, &vec![3; len]);
    let mut harness = harness();
    let key = harness.open(1, Role::FILTER, true);
    harness.send([stdin(1, &[1; 40]), stdin_end(1), data(50)].concat());
    assert_eq!(harness.server.unread_bytes(), 90);
    harness.server.release_capacity(key, 60);
    assert_eq!(harness.server.unread_bytes(), 30);
    harness.server.discard_body(key).unwrap();
    harness.send(data(5000));
    assert_eq!((harness.server.unread_bytes(), harness.data(key)), (0, (vec![], StreamState::Open)));
    assert_eq!(harness.events(), [Event::BodyReadable(key)], "from before it was discarded");

    // Discarded before the second body begins.
    let key = harness.open(2, Role::FILTER, true);
    harness.server.discard_body(key).unwrap();
    harness.send([stdin(2, &[1; 40]), stdin_end(2), record(RecordType::DATA, 2, &[3; 40])].concat());
    assert_eq!((harness.events(), harness.server.unread_bytes()), (vec![], 0));
}

#[test]
fn no_more_is_released_than_was_received() {
    let mut harness = harness();
    let (one, two) = (harness.open_keep_conn(1), harness.open_keep_conn(2));
    harness.send([stdin(1, &[1; 10]), stdin(2, &[2; 20])].concat());
    harness.server.release_capacity(one, usize::MAX);
    assert_eq!(harness.server.unread_bytes(), 20, "the other request is unchanged");
    harness.server.release_capacity(one, 5);
    assert_eq!(harness.server.unread_bytes(), 20);
    harness.server.end_request(two, 0).unwrap();
    harness.server.release_capacity(two, 20);
    assert_eq!(harness.server.unread_bytes(), 0);
}

#[test]
fn the_end_of_a_request_releases_its_bytes() {
    type Ends = fn(&mut Harness, crate::RequestKey);
    let cases: [(&str, Ends); 5] = [
        ("end", |harness, key| harness.server.end_request(key, 0).unwrap()),
        ("fail", |harness, key| harness.server.abort_response(key).unwrap()),
        ("abort, then end", |harness, key| {
            harness.send(abort(1));
            assert_eq!(harness.server.unread_bytes(), 80, "until it ends");
            harness.server.end_request(key, 0).unwrap();
        }),
        ("read, then end", |harness, key| {
            harness.server.read_body(key, &mut VecDeque::new()).unwrap();
            harness.server.end_request(key, 0).unwrap();
        }),
        ("released in part, then end", |harness, key| {
            harness.server.release_capacity(key, 30);
            harness.server.end_request(key, 0).unwrap();
        }),
    ];
    for (what, ends) in cases {
        let mut harness = harness();
        let key = harness.open_keep_conn(1);
        harness.send(stdin(1, &[1; 80]));
        ends(&mut harness, key);
        assert_eq!((harness.server.unread_bytes(), harness.server.active_requests()), (0, 0), "{what}");
        harness.send(stdin(1, &[1; 80]));
        assert_eq!(harness.server.unread_bytes(), 0, "{what}: late bytes do not count");
    }
}

#[test]
fn largest_unread_is_the_request_with_most_bytes() {
    let mut harness = harness();
    assert_eq!(harness.server.largest_unread(), None);
    let [one, two, three] = [1, 2, 3].map(|id| harness.open_keep_conn(id));
    assert_eq!(harness.server.largest_unread(), None, "nothing is unread");
    harness.send([stdin(1, &[1; 10]), stdin(2, &[2; 30]), stdin(3, &[3; 20])].concat());
    assert_eq!(harness.server.largest_unread(), Some(two));
    harness.server.release_capacity(two, 15);
    assert_eq!(harness.server.largest_unread(), Some(three));
    harness.server.end_request(three, 0).unwrap();
    assert_eq!(harness.server.largest_unread(), Some(two));
    harness.server.discard_body(two).unwrap();
    assert_eq!(harness.server.largest_unread(), Some(one));
    // Both bodies of a Filter count.
    harness.events();
    let filter = harness.open(4, Role::FILTER, true);
    harness.send([stdin(4, &[4; 6]), stdin_end(4), record(RecordType::DATA, 4, &[4; 6])].concat());
    assert_eq!(harness.server.largest_unread(), Some(filter));
}

#[test]
fn the_oldest_incomplete_head_began_first() {
    let mut harness = harness();
    assert_eq!(harness.server.incomplete_heads().min(), None);
    // The fourth request, the youngest, reuses the slot of the first.
    let first = harness.open_keep_conn(9);
    harness.send([begin(2, R, true), begin(1, R, true)].concat());
    harness.server.end_request(first, 0).unwrap();
    harness.send(stdin_end(9));
    harness.send(begin(3, R, true));
    let mut order = Vec::new();
    while let Some(key) = harness.server.incomplete_heads().min() {
        order.push(harness.server.requests.by_key(key).unwrap().id.0);
        harness.server.reject(key).unwrap();
    }
    assert_eq!(order, [2, 1, 3]);
}

#[test]
fn a_request_with_slow_params_can_be_rejected() {
    let mut harness = harness();
    harness.send([begin(1, R, true), params(1, &[1, 5])].concat());
    let key = harness.server.incomplete_heads().min().unwrap();
    harness.server.reject(key).unwrap();
    assert_eq!(
        (harness.events(), harness.server.active_requests()),
        (vec![], 1),
        "no event: the driver knows"
    );
    harness.server.stdout(key, b"Status: 408\r\n\r\n").unwrap();
    harness.server.end_request(key, 0).unwrap();
    assert_eq!(
        harness.written_records(),
        [stdout(1, b"Status: 408\r\n\r\n"), stdout(1, b""), end_request(1)]
    );
    harness.send([params(1, b"cut off"), stream_end(RecordType::PARAMS, 1), stdin_end(1)].concat());
    harness.assert_usable(1);
}

#[test]
fn one_byte_stdin_records_stay_within_the_limit() {
    let mut harness = Harness::new();
    let limit = crate::Limits::default().request_window;
    let key = harness.open_keep_conn(1);
    let owner = Bytes::from(stdin(1, b"x").repeat(7000));
    while harness.server.wants_read() {
        harness.server.receive_shared(&owner).unwrap();
    }
    assert!(
        (limit..limit + 7000).contains(&harness.server.unread_bytes()),
        "exactly the received bytes count"
    );
    let mut chunks = VecDeque::new();
    harness.server.read_body(key, &mut chunks).unwrap();
    // One buffer, instead of a slice per byte that pins the headers.
    assert_eq!(chunks.iter().map(Bytes::len).collect::<Vec<_>>(), [harness.server.unread_bytes()]);
    assert!(chunks[0] == vec![b'x'; harness.server.unread_bytes()]);
}

#[test]
fn large_pieces_of_a_body_are_not_copied() {
    let mut harness = Harness::new();
    let key = harness.open_keep_conn(1);
    let owner = Bytes::from([stdin(1, &[7; 32_768]), stdin_end(1)].concat());
    harness.server.receive_shared(&owner).unwrap();
    let mut chunks = VecDeque::new();
    assert_eq!(harness.server.read_body(key, &mut chunks), Ok(StreamState::Ended));
    assert_eq!(chunks, [&owner[8..8 + 32_768]]);
    assert_eq!(chunks[0].as_ptr(), owner[8..].as_ptr());
}

#[test]
fn filter_data_read_first_takes_no_window_from_stdin() {
    let mut harness = harness();
    let key = harness.open(1, Role::FILTER, true);
    let data = [record(RecordType::DATA, 1, b"file"), stream_end(RecordType::DATA, 1)];
    harness.send([stdin(1, b"body"), stdin_end(1), data.concat()].concat());
    assert_eq!(harness.data(key), (b"file".to_vec(), StreamState::Ended));
    assert_eq!(harness.server.unread_bytes(), 4);
    assert_eq!(harness.body(key), (b"body".to_vec(), StreamState::Ended));
    assert_eq!(harness.server.unread_bytes(), 0);
}
