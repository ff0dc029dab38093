//! Failures and timeouts of requests.

use std::time::Duration;

use http::Response;
use tokio::time::sleep;
use tower_fcgi::{Config, Snapshot, Stats};

use super::{assert_counts, counted, one_idle, upgrade};
use crate::handlers::{Gate, boxed, echo, full, handler, read};
use crate::records::{KEEP, end_stdin, get, head, post, stdin};
use crate::reserving::{Reserving, State};
use crate::scripted::{PanicsWhenDropped, Scripted, Step, quietly};

const SECOND: Duration = Duration::from_secs(1);

/// Checks one request on a kept connection.
#[track_caller]
fn assert_one(stats: &Stats, set: impl FnOnce(&mut Snapshot)) {
    assert_counts(stats, |expected| {
        one_idle(expected);
        expected.requests.begun = 1;
        set(expected);
    });
}

fn failed_with(expected: &mut Snapshot, status: u16) {
    expected.requests.rejected = [(status, 1)].into();
    expected.stderr.lines = 1;
}

#[tokio::test(start_paused = true)]
async fn panics_are_counted() {
    quietly();
    let panics = handler(|_| async { panic!("a handler has a bug") });
    let (web_server, stats) = counted(Config::default(), panics);
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.status(), 500);
    assert_one(&stats, |expected| {
        failed_with(expected, 500);
        expected.requests.failures.panicked = 1;
    });
    // The response is complete all the same.
    let drops_badly = handler(async |_| {
        Response::new(boxed(Scripted::new([Step::Data("x".into())]).keep(PanicsWhenDropped)))
    });
    let (web_server, stats) = counted(Config::default(), drops_badly);
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.text(), "x");
    assert_one(&stats, |expected| {
        expected.requests.completed = 1;
        expected.requests.failures.panicked = 1;
        expected.stderr.lines = 1;
    });
}

#[tokio::test(start_paused = true)]
async fn failures_of_the_service_are_counted() {
    let service = Reserving::new();
    service.set(|shared| shared.state = State::Fails);
    let (web_server, stats) = counted(Config::default(), service);
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.status(), 503);
    assert_one(&stats, |expected| {
        failed_with(expected, 503);
        expected.requests.failures.not_ready = 1;
    });

    let fails = tower::service_fn(async |_| Err::<Response<String>, _>("it is broken"));
    let (web_server, stats) = counted(Config::default(), fails);
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.status(), 500);
    assert_one(&stats, |expected| {
        failed_with(expected, 500);
        expected.requests.failures.service_error = 1;
    });

    let invalid = handler(async |_| Response::builder().status(101).body(boxed(String::new())).unwrap());
    let (web_server, stats) = counted(Config::default(), invalid);
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.status(), 500);
    assert_one(&stats, |expected| {
        failed_with(expected, 500);
        expected.requests.failures.invalid_head = 1;
    });

    let body = handler(async |_| Response::new(boxed(Scripted::new([Step::Error]))));
    let (web_server, stats) = counted(Config::default(), body);
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.status(), 500);
    assert_one(&stats, |expected| {
        failed_with(expected, 500);
        expected.requests.failures.body_error = 1;
    });
}

#[tokio::test(start_paused = true)]
async fn the_request_timeout_is_counted() {
    let gate = Gate::new();
    let held = handler(move |_| {
        let gate = gate.clone();
        async move {
            gate.pass().await;
            full("")
        }
    });
    let (web_server, stats) = counted(Config::default().with_request_timeout(SECOND), held);
    web_server.say(get(1, KEEP, "/")).await;
    sleep(2 * SECOND).await;
    assert_eq!(web_server.answer(1).status(), 503);
    assert_one(&stats, |expected| {
        failed_with(expected, 503);
        expected.requests.timed_out.request = 1;
    });
}

#[tokio::test(start_paused = true)]
async fn the_body_read_timeout_is_counted() {
    let (web_server, stats) = counted(Config::default().with_body_read_timeout(SECOND), handler(echo));
    web_server.say([post(1, KEEP, "/", 5), stdin(1, b"bo")].concat()).await;
    sleep(2 * SECOND).await;
    assert_eq!(web_server.answer(1).status(), 408);
    assert_one(&stats, |expected| {
        expected.requests.rejected = [(408, 1)].into();
        expected.requests.timed_out.body = 1;
    });
}

#[tokio::test(start_paused = true)]
async fn an_evicted_request_is_counted() {
    let gate = Gate::new();
    let (web_server, stats) = counted(
        Config::default(),
        handler(move |request: http::Request<tower_fcgi::RequestBody>| {
            let gate = gate.clone();
            async move {
                gate.pass().await;
                let _ = read(request.into_body()).await;
                full("")
            }
        }),
    );
    web_server.say([get(1, KEEP, "/"), post(2, KEEP, "/", 2_000_000)].concat()).await;
    web_server.say(stdin(2, &vec![b'x'; 1_500_000])).await;
    sleep(15 * SECOND).await;
    assert_eq!(web_server.answer(2).status(), 503);
    assert_counts(&stats, |expected| {
        one_idle(expected);
        (expected.connections.idle.current, expected.connections.idle.max) = (0, 0);
        (expected.requests.in_flight.current, expected.requests.in_flight.max) = (1, 2);
        expected.requests.begun = 2;
        failed_with(expected, 503);
        expected.requests.timed_out.body_stall = 1;
    });
}

#[tokio::test(start_paused = true)]
async fn a_failure_in_a_task_is_counted() {
    quietly();
    let panics = handler(|_| async { panic!("a handler has a bug") });
    let (web_server, stats) = counted(Config::default(), panics);
    let gate = Gate::new();
    let held = gate.clone();
    let body = handler(move |_| {
        let steps = vec![Step::Data("some".into()), Step::Wait(held.clone()), Step::Error];
        async move { Response::new(boxed(Scripted::new(steps))) }
    });
    web_server.say([get(1, KEEP, "/"), get(2, KEEP, "/")].concat()).await;
    assert_counts(&stats, |expected| {
        one_idle(expected);
        expected.requests.begun = 2;
        expected.requests.rejected = [(500, 2)].into();
        expected.requests.failures.panicked = 2;
        expected.stderr.lines = 2;
    });
    let (mut web_server, stats) = counted(Config::default(), body);
    web_server.say([get(1, KEEP, "/"), get(2, KEEP, "/")].concat()).await;
    gate.open(2);
    web_server.ended().await.unwrap_err();
    assert_counts(&stats, |expected| {
        expected.connections.accepted = 1;
        expected.connections.open.max = 1;
        expected.requests.in_flight.max = 2;
        expected.requests.begun = 2;
        expected.requests.cut_off = 2;
        expected.requests.failures.body_error = 2;
        expected.stderr.lines = 2;
        expected.connections.closed.incomplete_response = 1;
    });
}

#[tokio::test(start_paused = true)]
async fn a_refused_upgrade_is_counted() {
    let (web_server, stats) = counted(Config::default(), handler(|request| upgrade(request, SECOND)));
    let asks = [("HTTP_CONNECTION", "Upgrade"), ("HTTP_UPGRADE", "echo"), ("CONTENT_LENGTH", "0")];
    web_server.say(head(1, KEEP, "GET", "/", &asks)).await;
    // This web server does not carry upgrades.
    web_server.say(end_stdin(1)).await;
    assert_eq!(web_server.answer(1).status(), 426);
    assert_one(&stats, |expected| {
        expected.requests.rejected = [(426, 1)].into();
        expected.requests.failures.upgrade_refused = 1;
    });
}
