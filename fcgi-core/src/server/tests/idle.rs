//! Idle connections that share the memory of a busy one.

use alloc::sync::Arc;

use super::wire::*;
use crate::server::{Config, IdleConnection};
use crate::{RecordType, Role, UserError};

/// Serves a request, and returns its key.
fn serve(harness: &mut Harness) -> crate::RequestKey {
    let key = harness.open_keep_conn(1);
    harness.send(stdin_end(1));
    harness.events();
    harness.server.stdout(key, b"an answer").unwrap();
    harness.server.end_request(key, 0).unwrap();
    harness.written_records();
    key
}

#[test]
fn idle_connections_share_the_memory_of_a_busy_one() {
    let mut harness = Harness::new();
    let mut idle = [IdleConnection::new(Arc::default()), IdleConnection::new(Arc::default())];
    let mut keys = alloc::vec::Vec::new();
    for round in 0..6 {
        let idle = &mut idle[round % 2];
        idle.resume(&mut harness.server);
        for key in &keys {
            assert_eq!(harness.server.stderr(*key, b"late"), Err(UserError::RequestClosed));
        }
        let key = serve(&mut harness);
        if round % 2 == 0 {
            assert!(!keys.contains(&key), "a key is not reused on the same connection");
            keys.push(key);
        }
        assert!(idle.suspend(&harness.server), "round {round}");
    }
}

#[test]
fn each_connection_has_its_own_settings() {
    let mut config = Config::default();
    config.limits.max_concurrent_requests = 1;
    let limited = IdleConnection::new(Arc::new(config));
    let mut harness = Harness::new();
    limited.resume(&mut harness.server);
    harness.open_keep_conn(1);
    harness.send(head(2, Role::RESPONDER, true));
    assert_eq!(harness.events(), [], "the second request is over the limit");
}

/// What is in progress, and how it begins.
type Case<'a> = (&'static str, &'a dyn Fn(&mut Harness));

#[test]
fn a_connection_with_something_in_progress_stays() {
    let mut idle = IdleConnection::new(Arc::default());
    let half_closed = |harness: &mut Harness| {
        let key = harness.open_keep_conn(1);
        harness.server.end_request(key, 0).unwrap();
        harness.written_records();
    };
    let without_keep_conn = |harness: &mut Harness| {
        let key = harness.open(1, Role::RESPONDER, false);
        harness.send(stdin_end(1));
        harness.events();
        harness.server.end_request(key, 0).unwrap();
        harness.written_records();
    };
    let unwritten = |harness: &mut Harness| {
        let key = harness.open_keep_conn(1);
        harness.send(stdin_end(1));
        harness.events();
        harness.server.end_request(key, 0).unwrap();
    };
    let cases: [Case<'_>; 8] = [
        ("an active request", &|harness| _ = harness.open_keep_conn(1)),
        ("an event", &|harness| harness.send(head(1, Role::RESPONDER, true))),
        ("half a record", &|harness| harness.send(&begin(1, Role::RESPONDER, true)[..5])),
        ("discarded input", &|harness| harness.send(record(RecordType::STDIN, 9, b"unknown"))),
        ("a shutdown", &|harness| harness.server.stop_accepting()),
        ("a half-closed request", &half_closed),
        ("a request without KEEP_CONN", &without_keep_conn),
        ("unwritten output", &unwritten),
    ];
    for (what, begin) in cases {
        let mut harness = Harness::new();
        assert!(idle.suspend(&harness.server), "a new connection");
        begin(&mut harness);
        assert!(!idle.suspend(&harness.server), "{what}");
        harness.server.clear();
        assert!(idle.suspend(&harness.server), "{what}, cleared");
        harness.assert_usable(1);
    }
}

#[test]
fn control_responses_of_another_connection_do_not_count() {
    let mut idle = [IdleConnection::new(Arc::default()), IdleConnection::new(Arc::default())];
    let mut harness = Harness::new();
    idle[0].resume(&mut harness.server);
    while harness.server.wants_read() {
        harness.send(record(RecordType(77), 0, b""));
    }
    harness.written_records();
    assert!(idle[0].suspend(&harness.server));
    idle[1].resume(&mut harness.server);
    let key = harness.open_keep_conn(1);
    harness.server.stdout(key, &[b'x'; 200_000]).unwrap();
    assert!(harness.server.wants_read(), "only output of the application waits");
}

#[test]
fn a_protocol_error_ends_with_the_connection() {
    let mut idle = IdleConnection::new(Arc::default());
    let mut harness = Harness::new();
    harness.send_invalid([2; 8]);
    assert!(!idle.suspend(&harness.server));
    harness.server.clear();
    idle.resume(&mut harness.server);
    serve(&mut harness);
    assert!(idle.suspend(&harness.server));
}
