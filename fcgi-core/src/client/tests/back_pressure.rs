//! Nothing grows beyond its bound as long as its getter is heeded.

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use super::wire::*;
use crate::Role;
use crate::client::{Config, Connection};

#[test]
fn a_body_waits_for_room() {
    let mut server = Connection::new(Config { max_write_buffer: 100, ..Config::default() });
    let key = server.begin(Role::RESPONDER, true).unwrap();
    server.end_params(key).unwrap();
    assert!(server.wants_body());
    server.stdin(key, &[0; 80]).unwrap();
    assert!(!server.wants_body());
    server.output().advance(13);
    assert!(server.wants_body());
}

#[test]
fn an_unread_response_pauses_the_input() {
    let config = Config {
        request_window: 100,
        connection_window: 150,
        max_concurrent_requests: 2,
        ..Config::default()
    };
    let mut server = Connection::new(config);
    let first = ask(&mut server);
    server.receive(&stdout(1, &[0; 60])).unwrap();
    server.receive(&stderr(1, &[0; 40])).unwrap();
    assert!(!server.wants_read(), "STDERR counts as well");
    let second = ask(&mut server);
    assert!(server.wants_read(), "several have another bound");
    server.receive(&stdout(2, &[0; 50])).unwrap();
    assert!(!server.wants_read());
    let mut chunks = VecDeque::new();
    server.read_stdout(first, &mut chunks).unwrap();
    assert!(!server.wants_read(), "read, and not yet consumed");
    server.release_capacity(first, 60);
    assert!(server.wants_read());
    server.discard(second).unwrap();
    server.receive(&stdout(2, &[0; 1000])).unwrap();
    assert_eq!(server.unread_bytes(), 40);
}

#[test]
fn large_pieces_are_shared_in_both_directions() {
    let content = Bytes::from(vec![7; 20_000]);
    let mut server = Connection::new(Config::default());
    let key = server.begin(Role::RESPONDER, true).unwrap();
    server.end_params(key).unwrap();
    server.stdin_bytes(key, content.clone()).unwrap();
    assert!(server.output().slices().any(|slice| slice.as_ptr() == content.as_ptr()));
    let wire = Bytes::from(stdout(1, &content));
    server.receive_shared(&wire).unwrap();
    let mut chunks = VecDeque::new();
    server.read_stdout(key, &mut chunks).unwrap();
    assert_eq!(chunks[0].as_ptr(), wire[8..].as_ptr());
}

#[test]
fn an_idle_connection_keeps_little_memory() {
    // What a connection has that has had `requests` at once, each with so many pieces of an answer.
    let kept = |requests: u16, pieces| {
        let mut server = Connection::new(Config { max_concurrent_requests: requests, ..Config::default() });
        let keys: Vec<_> = (0..requests).map(|_| ask(&mut server)).collect();
        sent(&mut server);
        for (id, key) in (1..).zip(keys) {
            for _ in 0..pieces {
                server.receive(&[stdout(id, b"x"), stderr(id, b"y")].concat()).unwrap();
                let mut chunks = VecDeque::new();
                server.read_stdout(key, &mut chunks).unwrap();
                server.read_stderr(key, &mut chunks).unwrap();
            }
            server.receive(&end(id)).unwrap();
            server.discard(key).unwrap();
        }
        while server.poll_event().is_some() {}
        server.shrink();
        assert!(server.is_idle());
        (
            server.events.capacity(),
            server.partial.capacity(),
            server.requests.len(),
            server.requests.capacity(),
        )
    };
    assert_eq!(kept(1, 1), (super::super::SMALL_QUEUE, 0, 0, [1, 0, 1, 0]));
    assert_eq!(kept(5, 10), (0, 0, 0, [0; 4]));
}
