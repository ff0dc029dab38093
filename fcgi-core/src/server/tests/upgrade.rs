//! A request that takes over its connection.

use super::wire::*;
use crate::server::{CloseAction, OverloadResponse};
use crate::{ProtocolStatus, Role, StreamState, UserError};

#[test]
fn an_upgraded_request_owns_its_connection() {
    let overloaded = OverloadResponse::Status(ProtocolStatus::OVERLOADED);
    let mut harness = Harness::with(|config| config.overload_response = overloaded);
    let key = harness.open_keep_conn(1);
    assert_eq!(harness.server.upgraded(), None);
    harness.server.upgrade(key).unwrap();
    assert_eq!(harness.server.upgraded(), Some(key));
    harness.send([head(2, Role::RESPONDER, true), stdin_end(2)].concat());
    assert_eq!(harness.written_records(), [end_request_with(2, 0, ProtocolStatus::OVERLOADED)]);
    assert_eq!(harness.server.active_requests(), 1);
    // Both streams go on.
    harness.send(stdin(1, b"ping"));
    assert_eq!(harness.body(key), (b"ping".to_vec(), StreamState::Open));
    harness.server.stdout(key, b"pong").unwrap();
    assert_eq!(harness.written_records(), [stdout(1, b"pong")]);
}

#[test]
fn a_connection_is_usable_after_an_upgrade() {
    let mut harness = Harness::new();
    let key = harness.open_keep_conn(1);
    harness.server.upgrade(key).unwrap();
    harness.server.end_request(key, 0).unwrap();
    assert_eq!(harness.server.upgraded(), None);
    assert_eq!(harness.server.close_action(), None);
    harness.written_records();
    // STDIN of the upgraded request is still open.
    harness.assert_usable(1);
    let last = harness.open(1, Role::RESPONDER, false);
    harness.server.upgrade(last).unwrap();
    assert_eq!(harness.server.close_action(), None);
    harness.server.end_request(last, 0).unwrap();
    assert_eq!(harness.server.close_action(), Some(CloseAction::LingeringClose));
}

#[test]
fn a_shared_connection_is_not_upgraded() {
    let mut harness = Harness::new();
    let one = harness.open_keep_conn(1);
    // Its PARAMS are incomplete, but it has begun.
    harness.send(begin(2, Role::RESPONDER, true));
    assert_eq!(harness.server.upgrade(one), Err(UserError::TooManyRequests));
    assert_eq!(harness.server.upgraded(), None);
    let two = harness.server.incomplete_heads().next().unwrap();
    harness.server.reject(two).unwrap();
    harness.server.end_request(two, 0).unwrap();
    harness.server.upgrade(one).unwrap();
}

#[test]
fn only_an_active_request_is_upgraded() {
    let mut harness = Harness::new();
    let key = harness.open_keep_conn(1);
    harness.server.end_request(key, 0).unwrap();
    assert_eq!(harness.server.upgrade(key), Err(UserError::RequestClosed));
    assert_eq!(harness.server.upgraded(), None);
}
