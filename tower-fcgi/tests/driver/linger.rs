//! Closing an idle connection to make room, and the limits of discarded input.

use std::time::Duration;

use tokio::time::sleep;
use tower_fcgi::{Config, Limits};

use crate::handlers::{Gate, echo, full, handler};
use crate::records::{CLOSE, KEEP, begin, end_stdin, get, post, some_params, stdin};
use crate::web_server::{WebServer, serve, serve_with};

const SECOND: Duration = Duration::from_secs(1);
const AT_ONCE: Duration = Duration::from_millis(5);

/// Responds without reading the body.
fn early(config: Config) -> WebServer {
    serve_with(config, handler(async |_| full("early")))
}

/// A connection that has responded to a request whose STDIN has not ended.
async fn answered(keep: bool) -> WebServer {
    let web_server = early(Config::default());
    assert_eq!(web_server.ask(1, [post(1, keep, "/", 9), stdin(1, b"abc")].concat()).await.text(), "early");
    web_server
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_a_second_for_a_dropped_body() {
    for keep in [KEEP, CLOSE] {
        let mut web_server = answered(keep).await;
        web_server.handle.graceful_shutdown();
        let (result, took) = web_server.ended_after().await;
        assert!(result.is_ok(), "{result:?}");
        assert!(took > SECOND / 2 && took <= SECOND, "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_a_second_ago_holds_nothing_up() {
    for keep in [KEEP, CLOSE] {
        for end in
            [tower_fcgi::ConnectionHandle::graceful_shutdown, tower_fcgi::ConnectionHandle::close_if_idle]
        {
            let mut web_server = answered(keep).await;
            sleep(2 * SECOND).await;
            // Further bytes of the body do not prolong it.
            web_server.say(stdin(1, b"def")).await;
            end(&web_server.handle);
            let (result, took) = web_server.ended_after().await;
            assert!(result.is_ok() && took < AT_ONCE, "{result:?} {took:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn close_if_idle_ends_what_is_idle_at_once() {
    let mut web_server = serve(handler(echo));
    web_server.ask(1, get(1, KEEP, "/")).await;
    assert_eq!(web_server.handle.closes_within(), Some(Duration::ZERO));
    web_server.handle.close_if_idle();
    let (result, took) = web_server.ended_after().await;
    assert!(result.is_ok() && took < AT_ONCE, "{result:?} {took:?}");
}

#[tokio::test(start_paused = true)]
async fn close_if_idle_costs_no_request() {
    let gate = Gate::new();
    let held = gate.clone();
    let web_server = serve(handler(move |request| {
        let gate = held.clone();
        async move {
            if request.uri() == "/wait" {
                gate.pass().await;
            }
            full("done")
        }
    }));
    // Before the first request, with half of a head, and with a running handler.
    let request = get(1, KEEP, "/wait");
    for part in [&[][..], &request[..30], &request[30..]] {
        if !part.is_empty() {
            web_server.send(part.to_vec());
        }
        web_server.quiet().await;
        assert_eq!(web_server.handle.closes_within(), None);
        web_server.handle.close_if_idle();
        web_server.quiet().await;
    }
    gate.open(1);
    web_server.quiet().await;
    assert_eq!(web_server.answer(1).text(), "done");
    assert!(!web_server.sees_end(), "it is not closed later either");
    // One that is received at the same moment.
    web_server.forget();
    web_server.send(get(1, KEEP, "/wait"));
    web_server.handle.close_if_idle();
    web_server.quiet().await;
    gate.open(1);
    web_server.quiet().await;
    assert_eq!(web_server.answer(1).text(), "done");
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.text(), "done");
    // A response that was not read yet.
    web_server.wire.make_room(0);
    web_server.say(get(1, KEEP, "/")).await;
    assert_eq!(web_server.handle.closes_within(), None);
    web_server.handle.close_if_idle();
    web_server.quiet().await;
    web_server.wire.make_room(usize::MAX);
    web_server.quiet().await;
    assert!(!web_server.sees_end());
}

#[tokio::test(start_paused = true)]
async fn an_open_body_is_known_before_it_is_waited_for() {
    let web_server = answered(KEEP).await;
    assert!(web_server.handle.closes_within() > Some(SECOND / 2), "{:?}", web_server.handle);
    assert!(web_server.handle.idle_for().is_some());
    sleep(SECOND / 2).await;
    assert!(web_server.handle.closes_within() <= Some(SECOND / 2));
    // Also inside a record, but not after the end of STDIN.
    web_server.say(stdin(1, b"def")[..10].to_vec()).await;
    assert!(web_server.handle.closes_within().is_some_and(|time| !time.is_zero()));
    web_server.say([&stdin(1, b"def")[10..], &end_stdin(1)].concat()).await;
    assert_eq!(web_server.handle.closes_within(), Some(Duration::ZERO));
    let draining = answered(CLOSE).await;
    assert!(draining.handle.closes_within() > Some(SECOND / 2));
    assert_eq!(draining.handle.idle_for(), None);
}

/// What a web server sends endlessly for an answered request.
struct Endless {
    what: &'static str,
    begin: Vec<u8>,
    more: Vec<u8>,
    status: u16,
}

/// Each is answered on a kept connection, and discards the rest.
fn endless() -> [Endless; 4] {
    let long = "x".repeat(200);
    let refused = [begin(1, KEEP), some_params(1, &[("LONG", long.as_str())])].concat();
    [
        Endless {
            what: "PARAMS over the limit",
            begin: refused,
            more: some_params(1, &[("A", "b"); 200]),
            status: 431,
        },
        Endless {
            what: "body over the limit",
            begin: post(1, KEEP, "/", 1 << 30),
            more: stdin(1, &[0; 1000]),
            status: 413,
        },
        Endless {
            what: "unread body",
            begin: post(1, KEEP, "/", 9),
            more: stdin(1, &[0; 1000]),
            status: 200,
        },
        Endless {
            what: "body of another id",
            begin: get(1, KEEP, "/"),
            more: stdin(7, &[0; 1000]),
            status: 200,
        },
    ]
}

/// A connection on which `begin` was answered.
async fn answered_to(request: &Endless, config: Config) -> WebServer {
    let mut limits = Limits::default();
    limits.max_params_bytes = 200;
    let web_server = early(config.with_limits(limits).with_max_body_bytes(1000));
    assert_eq!(web_server.ask(1, request.begin.clone()).await.status(), request.status, "{}", request.what);
    web_server
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_on_a_kept_connection_has_bounds() {
    for request in endless() {
        // Limited in bytes.
        let mut web_server =
            answered_to(&request, Config::default().with_linger_timeout(SECOND).with_linger_bytes(100_000))
                .await;
        let before = web_server.taken();
        for _ in 0..200 {
            web_server.send(request.more.clone());
        }
        let (_, took) = web_server.ended_after().await;
        assert!(took < AT_ONCE, "{}: {took:?}", request.what);
        let taken = web_server.taken() - before;
        assert!((90_000..250_000).contains(&taken), "{}: {taken} bytes", request.what);
        // In time: while bytes are received.
        let mut web_server = answered_to(&request, Config::default()).await;
        sleep(100 * SECOND).await;
        for _ in 0..29 {
            web_server.say(request.more.clone()).await;
            sleep(SECOND).await;
            assert!(!web_server.sees_end(), "{}", request.what);
        }
        sleep(2 * SECOND).await;
        web_server.send(request.more.clone());
        let (_, took) = web_server.ended_after().await;
        assert!(took < AT_ONCE, "{}: {took:?}", request.what);
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_request_begins_the_bounds_anew() {
    let web_server = early(Config::default().with_linger_timeout(SECOND).with_linger_bytes(10_000));
    for _ in 0..10 {
        let request = [post(1, KEEP, "/", 9000), stdin(1, &[0; 9000]), end_stdin(1)].concat();
        web_server.send_in_packets(request, 1000);
        web_server.quiet().await;
        assert_eq!(web_server.answer(1).text(), "early");
        web_server.forget();
        sleep(2 * SECOND).await;
        assert!(!web_server.sees_end());
    }
}

#[tokio::test(start_paused = true)]
async fn past_the_bounds_other_requests_are_answered_first() {
    let gate = Gate::new();
    let held = gate.clone();
    let service = handler(move |request| {
        let gate = held.clone();
        async move {
            if request.uri() == "/wait" {
                gate.pass().await;
            }
            full("done")
        }
    });
    let mut web_server =
        serve_with(Config::default().with_linger_timeout(SECOND).with_linger_bytes(1000), service);
    web_server.say([post(1, KEEP, "/", 9), get(2, KEEP, "/wait")].concat()).await;
    web_server.say(stdin(1, &[0; 2000])).await;
    assert!(!web_server.sees_end());
    gate.open(1);
    web_server.quiet().await;
    assert_eq!(web_server.answer(2).text(), "done");
    let (_, took) = web_server.ended_after().await;
    assert!(took < AT_ONCE, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_open_body_keeps_its_connection() {
    let web_server = answered(KEEP).await;
    web_server.say(stdin(1, b"def")).await;
    sleep(1000 * SECOND).await;
    // As Apache sends it: the next request, without the end of the previous body.
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.text(), "early");
    sleep(1000 * SECOND).await;
}
