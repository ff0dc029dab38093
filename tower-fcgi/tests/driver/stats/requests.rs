//! What becomes of requests.

use std::time::Duration;

use fcgi_core::Role;
use tower_fcgi::{Builder, Config, Limits, OverloadResponse, ProtocolStatus, RequestTarget, Stats};

use super::{assert_counts, counted, one_idle};
use crate::handlers::{Gate, echo, full, handler};
use crate::records::{
    KEEP, abort, begin_as, end_params, end_stdin, get, head, params, post, post_whole, some_params, stdin,
};
use crate::web_server::serve_with;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn complete_requests_are_counted() {
    let (web_server, stats) = counted(Config::default(), handler(echo));
    for _ in 0..5 {
        web_server.ask(1, get(1, KEEP, "/")).await;
    }
    web_server.ask(1, post_whole(1, KEEP, "/", b"body")).await;
    assert_counts(&stats, |expected| {
        one_idle(expected);
        (expected.requests.begun, expected.requests.completed) = (6, 6);
    });
}

#[tokio::test(start_paused = true)]
async fn requests_that_share_a_connection_are_counted() {
    let gate = Gate::new();
    let held = gate.clone();
    let (web_server, stats) = counted(
        Config::default(),
        handler(move |_| {
            let gate = held.clone();
            async move {
                gate.pass().await;
                full("")
            }
        }),
    );
    web_server.say((1..=5).flat_map(|id| get(id, KEEP, "/")).collect::<Vec<_>>()).await;
    assert_counts(&stats, |expected| {
        one_idle(expected);
        (expected.connections.idle.current, expected.connections.idle.max) = (0, 0);
        (expected.requests.in_flight.current, expected.requests.in_flight.max) = (5, 5);
        expected.requests.begun = 5;
    });
    gate.open(2);
    web_server.quiet().await;
    assert_counts(&stats, |expected| {
        one_idle(expected);
        (expected.connections.idle.current, expected.connections.idle.max) = (0, 0);
        (expected.requests.in_flight.current, expected.requests.in_flight.max) = (3, 5);
        (expected.requests.begun, expected.requests.completed) = (5, 2);
    });
    gate.open(3);
    web_server.quiet().await;
    assert_counts(&stats, |expected| {
        one_idle(expected);
        expected.requests.in_flight.max = 5;
        (expected.requests.begun, expected.requests.completed) = (5, 5);
    });
}

#[tokio::test(start_paused = true)]
async fn aborted_requests_are_counted() {
    let gate = Gate::new();
    let (web_server, stats) = counted(
        Config::default(),
        handler(move |_| {
            let gate = gate.clone();
            async move {
                gate.pass().await;
                full("")
            }
        }),
    );
    web_server.say([get(1, KEEP, "/"), get(2, KEEP, "/")].concat()).await;
    web_server.say(abort(1)).await;
    web_server.say(abort(2)).await;
    // Before the service gets it.
    web_server.say([post(3, KEEP, "/", 5), abort(3)].concat()).await;
    assert_counts(&stats, |expected| {
        one_idle(expected);
        expected.requests.in_flight.max = 2;
        (expected.requests.begun, expected.requests.aborted.web_server) = (3, 3);
    });
}

#[tokio::test(start_paused = true)]
async fn rejected_requests_are_counted_by_status() {
    let mut limits = Limits::default();
    limits.max_params_bytes = 10_000;
    let config = Config::default()
        .with_limits(limits)
        .with_max_body_bytes(10)
        .with_header_read_timeout(SECOND)
        .with_request_target(RequestTarget::StripPrefix("/app".to_owned()));
    let (web_server, stats) = counted(config, handler(echo));
    let whole = |head: Vec<u8>| [head, end_stdin(1)].concat();
    for (request, status) in [
        (whole(head(1, KEEP, "G E T", "/app", &[])), 400),
        (whole(head(1, KEEP, "GET", "/other", &[])), 404),
        (post_whole(1, KEEP, "/app", &[b'x'; 11]), 413),
        (whole([begin_as(Role::RESPONDER, 1, KEEP), params(1, &[("X", &"x".repeat(10_001))])].concat()), 431),
    ] {
        assert_eq!(web_server.ask(1, request).await.status(), status);
    }
    web_server.forget();
    web_server.say([begin_as(Role::RESPONDER, 1, KEEP), some_params(1, &[("X", "y")])].concat()).await;
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(web_server.answer(1).status(), 408);
    web_server.say([end_params(1), end_stdin(1)].concat()).await;
    assert_counts(&stats, |expected| {
        one_idle(expected);
        expected.requests.in_flight.max = 0;
        expected.requests.begun = 5;
        expected.requests.rejected = [400, 404, 408, 413, 431].map(|status| (status, 1)).into();
        expected.requests.failures.invalid_request = 3;
        expected.requests.failures.body_too_large = 1;
        expected.requests.timed_out.head = 1;
    });
}

#[tokio::test(start_paused = true)]
async fn a_body_that_grows_too_large_is_a_413() {
    let (web_server, stats) = counted(Config::default().with_max_body_bytes(10), handler(echo));
    web_server.say(head(1, KEEP, "POST", "/", &[])).await;
    web_server.say([stdin(1, &[b'x'; 11]), end_stdin(1)].concat()).await;
    assert_eq!(web_server.answer(1).status(), 413);
    assert_counts(&stats, |expected| {
        one_idle(expected);
        expected.requests.begun = 1;
        expected.requests.rejected = [(413, 1)].into();
        expected.requests.failures.body_too_large = 1;
    });
}

/// A connection with one request in flight, and one more than it takes.
async fn overloaded(builder: Builder) -> Stats {
    let gate = Gate::new();
    let stats = Stats::new();
    let service = handler(move |_| {
        let gate = gate.clone();
        async move {
            gate.pass().await;
            full("")
        }
    });
    let mut limits = Limits::default();
    limits.max_concurrent_requests = 1;
    let config = builder.config().clone().with_limits(limits);
    let web_server = serve_with(builder.with_config(config).with_stats(stats.clone()), service);
    web_server.say([get(1, KEEP, "/"), get(2, KEEP, "/"), get(3, KEEP, "/")].concat()).await;
    web_server.say(abort(1)).await;
    let authorizer = [begin_as(Role::AUTHORIZER, 4, KEEP), params(4, &[])].concat();
    web_server.say(authorizer).await;
    stats
}

#[tokio::test(start_paused = true)]
async fn the_limit_on_requests_is_counted() {
    let stats = overloaded(Builder::new()).await;
    assert_counts(&stats, |expected| {
        expected.connections.accepted = 1;
        expected.connections.open.max = 1;
        expected.connections.idle.max = 1;
        (expected.connections.open.current, expected.connections.idle.current) = (1, 1);
        expected.requests.in_flight.max = 1;
        expected.requests.begun = 4;
        expected.requests.aborted.web_server = 1;
        expected.requests.rejected = [(503, 2)].into();
        expected.requests.failures.overloaded = 2;
        expected.requests.rejected_by_protocol.unknown_role = 1;
    });
}

#[tokio::test(start_paused = true)]
async fn an_overload_that_is_no_error_is_the_protocols() {
    let redirect = OverloadResponse::Stdout("Status: 302 Found\r\nLocation: /busy\r\n\r\n".into());
    let config = Config::default().with_overload_response(redirect);
    let requests = overloaded(Builder::new().with_config(config)).await.snapshot().requests;
    assert_eq!((requests.begun, requests.rejected_by_protocol.overloaded), (4, 2));
    assert!(requests.rejected.is_empty(), "{:?}", requests.rejected);
}

#[tokio::test(start_paused = true)]
async fn an_overload_without_a_status_is_the_protocols() {
    let overloaded_status = OverloadResponse::Status(ProtocolStatus::OVERLOADED);
    let config = Config::default().with_overload_response(overloaded_status);
    let requests = overloaded(Builder::new().with_config(config)).await.snapshot().requests;
    assert_eq!(
        (requests.rejected_by_protocol.overloaded, requests.rejected_by_protocol.unknown_role),
        (2, 1)
    );
    assert_eq!((requests.begun, requests.rejected.len(), requests.failures.overloaded), (4, 0, 0));
}
