//! Graceful shutdown, and abort.

use std::pin::pin;
use std::time::Duration;

use tokio::time::sleep;
use tower_fcgi::{Config, Connection, ErrorKind};

use crate::handlers::{Count, Gate, echo, full, handler};
use crate::records::{CLOSE, KEEP, begin, end_params, end_stdin, get, post, some_params, stdin};
use crate::responses::Answers;
use crate::web_server::{WebServer, serve, serve_with};
use crate::wire::Wire;

/// Waits for the gate, then answers; counts the dropped handlers.
fn gated(gate: &Gate) -> (WebServer, Count) {
    let (gate, dropped) = (gate.clone(), Count::default());
    let count = dropped.clone();
    let web_server = serve(handler(move |request| {
        let (gate, guard) = (gate.clone(), count.on_drop());
        async move {
            let _guard = guard;
            gate.pass().await;
            full(request.uri().to_string())
        }
    }));
    (web_server, dropped)
}

/// Asserts that the connection ends cleanly and immediately.
async fn ends(mut web_server: WebServer) {
    let (result, took) = web_server.ended_after().await;
    assert!(result.is_ok(), "{result:?}");
    assert!(took < Duration::from_millis(5), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_while_idle_ends_the_connection_at_once() {
    let web_server = serve(handler(echo));
    web_server.ask(1, get(1, KEEP, "/")).await;
    web_server.handle.graceful_shutdown();
    ends(web_server).await;
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_a_second_for_a_first_request() {
    for polled in [false, true] {
        let web_server = serve(handler(echo));
        if polled {
            web_server.quiet().await;
        }
        web_server.handle.graceful_shutdown();
        sleep(Duration::from_millis(900)).await;
        assert_eq!(web_server.ask(1, get(1, KEEP, "/a")).await.text(), "GET /a ");
        ends(web_server).await;
    }
    let mut web_server = serve(handler(echo));
    web_server.handle.graceful_shutdown();
    let (result, took) = web_server.ended_after().await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(took.as_millis(), 1000);
    // A web server that connects, sends nothing and leaves delays nothing.
    let web_server = serve(handler(echo));
    web_server.handle.graceful_shutdown();
    web_server.end();
    ends(web_server).await;
}

#[tokio::test(start_paused = true)]
async fn shutdown_lets_requests_in_flight_end() {
    let gate = Gate::new();
    let (web_server, _) = gated(&gate);
    web_server.say([get(1, KEEP, "/1"), get(2, KEEP, "/2"), get(3, KEEP, "/3")].concat()).await;
    web_server.handle.graceful_shutdown();
    web_server.quiet().await;
    assert!(!web_server.sees_end());
    gate.open(2);
    web_server.quiet().await;
    assert!(!web_server.sees_end());
    gate.open(1);
    web_server.quiet().await;
    for id in 1..=3 {
        assert_eq!(web_server.answer(id).text(), format!("/{id}"));
    }
    ends(web_server).await;
}

#[tokio::test(start_paused = true)]
async fn shutdown_completes_a_request_still_in_params() {
    let web_server = serve(handler(echo));
    web_server.say([begin(1, KEEP), some_params(1, &[("REQUEST_METHOD", "GET")])].concat()).await;
    web_server.handle.graceful_shutdown();
    web_server.quiet().await;
    assert!(!web_server.sees_end());
    web_server.say([some_params(1, &[("REQUEST_URI", "/a")]), end_params(1), end_stdin(1)].concat()).await;
    assert_eq!(web_server.answer(1).text(), "GET /a ");
    ends(web_server).await;
}

#[tokio::test(start_paused = true)]
async fn shutdown_completes_a_half_received_begin() {
    for at in [1, 8, 15] {
        let web_server = serve(handler(echo));
        let request = get(1, KEEP, "/a");
        web_server.say(request[..at].to_vec()).await;
        web_server.handle.graceful_shutdown();
        web_server.quiet().await;
        assert!(!web_server.sees_end());
        web_server.say(request[at..].to_vec()).await;
        assert_eq!(web_server.answer(1).text(), "GET /a ");
        ends(web_server).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_serves_what_was_sent_but_not_read() {
    let web_server = serve(handler(echo));
    web_server.ask(1, get(1, KEEP, "/1")).await;
    // Both happen before the connection is polled again.
    web_server.forget();
    web_server.send(get(1, KEEP, "/2"));
    web_server.handle.graceful_shutdown();
    web_server.quiet().await;
    assert_eq!(web_server.answer(1).text(), "GET /2 ");
    ends(web_server).await;
}

#[tokio::test(start_paused = true)]
async fn shutdown_after_an_early_response_lingers() {
    let mut web_server = serve(handler(|_| async { full("early") }));
    web_server.say([post(1, KEEP, "/", 9), stdin(1, b"abc")].concat()).await;
    assert_eq!(web_server.answer(1).text(), "early");
    web_server.handle.graceful_shutdown();
    web_server.quiet().await;
    assert!(web_server.sees_end() && !web_server.is_closed());
    web_server.say([stdin(1, b"def"), end_stdin(1)].concat()).await;
    web_server.end();
    assert!(web_server.ended().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn shutdown_flushes_a_pending_response() {
    let web_server = serve(handler(|_| async { full(vec![b'x'; 100_000]) }));
    web_server.wire.make_room(10);
    web_server.say(get(1, KEEP, "/")).await;
    web_server.handle.graceful_shutdown();
    web_server.quiet().await;
    assert!(!web_server.sees_end());
    web_server.wire.make_room(usize::MAX);
    web_server.quiet().await;
    assert_eq!(web_server.answer(1).body().len(), 100_000);
    ends(web_server).await;
}

#[tokio::test(start_paused = true)]
async fn the_future_itself_can_be_told_to_shut_down() {
    let wire = Wire::default();
    let mut connection = pin!(Connection::new(wire.transport(), handler(echo)));
    wire.give(get(1, KEEP, "/").into());
    connection.as_mut().graceful_shutdown();
    assert!(connection.await.is_ok());
    assert!(Answers::parse(&wire.lock().output).of(1).is_whole());
}

#[tokio::test(start_paused = true)]
async fn an_aborted_connection_ends_and_drops_its_handlers() {
    let (mut web_server, dropped) = gated(&Gate::new());
    web_server.say([get(1, KEEP, "/1"), get(2, KEEP, "/2")].concat()).await;
    web_server.handle.graceful_shutdown();
    web_server.quiet().await;
    web_server.handle.abort();
    let (result, took) = web_server.ended_after().await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Aborted);
    assert!(took < Duration::from_millis(5));
    web_server.quiet().await;
    assert_eq!(dropped.now(), 2);
    web_server.handle.abort();
    web_server.handle.graceful_shutdown();
}

#[tokio::test(start_paused = true)]
async fn a_kill_ends_a_connection_that_drains() {
    let mut web_server = serve(handler(|_| async { full("early") }));
    web_server.say(post(1, CLOSE, "/", 9)).await;
    assert!(web_server.sees_end() && !web_server.is_closed());
    web_server.handle.abort();
    let (_, took) = web_server.ended_after().await;
    assert!(took < Duration::from_millis(5), "took {took:?} after the shutdown's deadline");
    assert!(web_server.is_closed());
}

#[tokio::test(start_paused = true)]
async fn abort_ends_a_connection_with_a_blocked_write() {
    for keep in [KEEP, CLOSE] {
        let mut web_server = serve(handler(|_| async { full("never read") }));
        web_server.wire.make_room(0);
        web_server.say(get(1, keep, "/")).await;
        web_server.handle.abort();
        let (_, took) = web_server.ended_after().await;
        assert!(took < Duration::from_millis(5), "took {took:?} after the shutdown's deadline");
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_ends_despite_an_incomplete_request() {
    let config = Config::default().with_header_read_timeout(Duration::from_secs(3));
    let mut web_server = serve_with(config, handler(echo));
    web_server.say(begin(1, KEEP)).await;
    web_server.handle.graceful_shutdown();
    let (result, took) = web_server.ended_after().await;
    // The 408, then a second for a web server that sends nothing more.
    assert!(took.as_secs() <= 3 + 1, "{took:?}");
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(web_server.answer(1).status(), 408);
}
