//! Limits of buffers, for drivers that observe the getters.

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use super::wire::*;
use crate::Role;
use crate::client::{Config, Connection};

#[test]
fn a_body_waits_for_the_write_buffer() {
    let mut client = Connection::new(Config { max_write_buffer: 100, ..Config::default() });
    let key = client.begin(Role::RESPONDER, true).unwrap();
    client.end_params(key).unwrap();
    assert!(client.wants_body());
    client.stdin(key, &[0; 80]).unwrap();
    assert!(!client.wants_body());
    client.output().advance(13);
    assert!(client.wants_body());
}

#[test]
fn an_unread_response_pauses_the_input() {
    let config = Config {
        request_window: 100,
        connection_window: 150,
        max_concurrent_requests: 2,
        ..Config::default()
    };
    let mut client = Connection::new(config);
    let first = send_request(&mut client);
    client.receive(&stdout(1, &[0; 60])).unwrap();
    client.receive(&stderr(1, &[0; 40])).unwrap();
    assert!(!client.wants_read(), "STDERR counts as well");
    let second = send_request(&mut client);
    assert!(client.wants_read(), "several requests have another window");
    client.receive(&stdout(2, &[0; 50])).unwrap();
    assert!(!client.wants_read());
    let mut chunks = VecDeque::new();
    client.read_stdout(first, &mut chunks).unwrap();
    assert!(!client.wants_read(), "read, but not released");
    client.release_capacity(first, 60);
    assert!(client.wants_read());
    client.discard(second).unwrap();
    client.receive(&stdout(2, &[0; 1000])).unwrap();
    assert_eq!(client.unread_bytes(), 40);
}

#[test]
fn large_pieces_are_shared_in_both_directions() {
    let content = Bytes::from(vec![7; 20_000]);
    let mut client = Connection::new(Config::default());
    let key = client.begin(Role::RESPONDER, true).unwrap();
    client.end_params(key).unwrap();
    client.stdin_bytes(key, content.clone()).unwrap();
    assert!(client.output().slices().any(|slice| slice.as_ptr() == content.as_ptr()));
    let wire = Bytes::from(stdout(1, &content));
    client.receive_shared(&wire).unwrap();
    let mut chunks = VecDeque::new();
    client.read_stdout(key, &mut chunks).unwrap();
    assert_eq!(chunks[0].as_ptr(), wire[8..].as_ptr());
}

#[test]
fn an_idle_connection_keeps_little_memory() {
    // The memory that is kept after `requests` concurrent requests with `pieces` of a response each.
    let kept = |requests: u16, pieces| {
        let mut client = Connection::new(Config { max_concurrent_requests: requests, ..Config::default() });
        let keys: Vec<_> = (0..requests).map(|_| send_request(&mut client)).collect();
        take_output(&mut client);
        for (id, key) in (1..).zip(keys) {
            for _ in 0..pieces {
                client.receive(&[stdout(id, b"x"), stderr(id, b"y")].concat()).unwrap();
                let mut chunks = VecDeque::new();
                client.read_stdout(key, &mut chunks).unwrap();
                client.read_stderr(key, &mut chunks).unwrap();
            }
            client.receive(&end_request(id)).unwrap();
            client.discard(key).unwrap();
        }
        while client.poll_event().is_some() {}
        client.shrink();
        assert!(client.is_idle());
        (
            client.events.capacity(),
            client.partial.capacity(),
            client.requests.len(),
            client.requests.capacity(),
        )
    };
    assert_eq!(kept(1, 1), (super::super::connection::SMALL_QUEUE, 0, 0, [1, 0, 1, 0]));
    assert_eq!(kept(5, 10), (0, 0, 0, [0; 4]));
}
