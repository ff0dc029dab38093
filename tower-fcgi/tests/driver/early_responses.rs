//! Handlers that answer before they read the body, or without reading it.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tower_fcgi::Config;

use crate::handlers::{echo, full, handler, read};
use crate::records::{CLOSE, KEEP, end_stdin, get, post, post_whole, record, stdin};
use crate::web_server::{WebServer, serve, serve_with};

/// Four bytes to a handler that answers without them.
fn abcd(keep: bool) -> Vec<u8> {
    [post(1, keep, "/foo", 4), stdin(1, b"abcd")].concat()
}

fn not_found() -> WebServer {
    not_found_with(Config::default())
}

fn not_found_with(config: Config) -> WebServer {
    serve_with(
        config,
        handler(|_| async {
            let mut reply = full("no");
            *reply.status_mut() = http::StatusCode::NOT_FOUND;
            reply
        }),
    )
}

/// Sends the request without its terminal STDIN record. The response must be complete before any time has passed.
async fn answer_and_half_close_at_once() -> WebServer {
    let web_server = not_found();
    let start = Instant::now();
    web_server.say(abcd(CLOSE)).await;
    assert!(start.elapsed() < Duration::from_millis(5));
    assert_eq!(web_server.answer(1).status(), 404);
    assert!(web_server.sees_end(), "nginx waits for the close, not for END_REQUEST");
    assert!(!web_server.is_closed(), "the body is still arriving");
    web_server
}

#[tokio::test(start_paused = true)]
async fn early_response_with_the_empty_stdin_together() {
    let mut web_server = not_found();
    let start = Instant::now();
    web_server.say([abcd(CLOSE), end_stdin(1)].concat()).await;
    assert_eq!(web_server.answer(1).status(), 404);
    assert!(web_server.sees_end());
    web_server.end();
    assert!(web_server.ended().await.is_ok());
    assert!(start.elapsed() < Duration::from_millis(5));
}

#[tokio::test(start_paused = true)]
async fn early_response_with_the_empty_stdin_apart() {
    let mut web_server = not_found();
    web_server.send(abcd(CLOSE));
    web_server.say(end_stdin(1)).await;
    assert_eq!(web_server.answer(1).status(), 404);
    assert!(web_server.sees_end());
    web_server.end();
    let (result, took) = web_server.ended_after().await;
    assert!(result.is_ok() && took < Duration::from_millis(5), "{result:?} {took:?}");
}

#[tokio::test(start_paused = true)]
async fn early_response_with_the_empty_stdin_200_ms_late() {
    let mut web_server = answer_and_half_close_at_once().await;
    sleep(Duration::from_millis(200)).await;
    web_server.send(end_stdin(1));
    web_server.end();
    let (result, took) = web_server.ended_after().await;
    assert!(result.is_ok() && took < Duration::from_millis(5), "{result:?} {took:?}");
    assert_eq!(web_server.answer(1).status(), 404, "no further records");
}

#[tokio::test(start_paused = true)]
async fn early_response_with_the_empty_stdin_never_sent() {
    let mut web_server = answer_and_half_close_at_once().await;
    web_server.end();
    let (result, took) = web_server.ended_after().await;
    assert!(result.is_ok() && took < Duration::from_millis(5), "{result:?} {took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_early_response_with_keep_conn_keeps_it_open() {
    let web_server = not_found();
    assert_eq!(web_server.ask(1, abcd(KEEP)).await.status(), 404);
    assert!(!web_server.sees_end());
    assert_eq!(web_server.ask(2, [end_stdin(1), get(2, KEEP, "/")].concat()).await.status(), 404);
}

#[tokio::test(start_paused = true)]
async fn linger_after_an_early_response_is_bounded_in_time() {
    let mut web_server = not_found_with(
        Config::default().with_linger_timeout(Duration::from_secs(7)).with_linger_bytes(1 << 30),
    );
    web_server.say(abcd(CLOSE)).await;
    let start = Instant::now();
    // A byte from time to time does not prolong it.
    for _ in 0..5 {
        sleep(Duration::from_secs(1)).await;
        web_server.send(stdin(1, b"x"));
    }
    let error = web_server.ended().await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert_eq!(start.elapsed().as_secs_f32().round(), 7.0);
}

#[tokio::test(start_paused = true)]
async fn linger_after_an_early_response_is_bounded_in_bytes() {
    let mut web_server = not_found_with(
        Config::default().with_linger_timeout(Duration::from_secs(7)).with_linger_bytes(100_000),
    );
    web_server.say([post(1, CLOSE, "/", 1 << 30), stdin(1, b"x")].concat()).await;
    assert_eq!(web_server.answer(1).status(), 404);
    let before = web_server.taken();
    web_server.send_in_packets(stdin(1, &[0; 90_000]), 4000);
    web_server.quiet().await;
    assert!(!web_server.is_closed());
    web_server.send_in_packets(stdin(1, &[0; 50_000]), 4000);
    let (result, took) = web_server.ended_after().await;
    assert!(result.unwrap_err().is_timeout());
    assert!(took < Duration::from_millis(5));
    assert!(web_server.taken() - before < 120_000);
}

#[tokio::test(start_paused = true)]
async fn response_survives_10_unread_mb_without_keep_conn() {
    let body = vec![7; 10 << 20];
    let mut web_server = not_found();
    let request = [post(1, CLOSE, "/", body.len()), stdin(1, &body), end_stdin(1)].concat();
    let bytes = request.len();
    web_server.send_in_packets(request, 16 * 1024);
    web_server.end();
    let (result, took) = web_server.ended_after().await;
    assert!(result.is_ok() && took < Duration::from_millis(5), "{result:?} {took:?}");
    assert_eq!(web_server.answer(1).status(), 404);
    assert_eq!(web_server.taken(), bytes, "unread input makes the close a reset");
    assert!(!web_server.was_reset());
}

#[tokio::test(start_paused = true)]
async fn response_survives_10_unread_mb_with_keep_conn() {
    let web_server = not_found();
    let request = post_whole(1, KEEP, "/", &vec![7; 10 << 20]);
    let bytes = request.len();
    web_server.send_in_packets(request, 16 * 1024);
    web_server.quiet().await;
    assert_eq!(web_server.answer(1).status(), 404);
    assert_eq!(web_server.taken(), bytes);
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.status(), 404);
}

/// Answers `/early` without its body, others with it.
fn early_or_echo() -> WebServer {
    serve(handler(|request| async {
        if request.uri() == "/early" { full("early") } else { echo(request).await }
    }))
}

#[tokio::test(start_paused = true)]
async fn late_stdin_never_leaks_into_the_next_request() {
    let web_server = early_or_echo();
    assert_eq!(web_server.ask(1, post(1, KEEP, "/early", 8)).await.text(), "early");
    web_server.say([stdin(1, b"late"), stdin(1, b"r-on"), end_stdin(1)].concat()).await;
    assert_eq!(web_server.ask(1, post_whole(1, KEEP, "/x", b"new")).await.text(), "POST /x new");
    assert!(web_server.handle.idle_for().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_begin_on_an_answered_id_gets_no_old_bytes() {
    let web_server = early_or_echo();
    assert_eq!(web_server.ask(1, post(1, KEEP, "/early", 8)).await.text(), "early");
    web_server.say(stdin(1, b"old")).await;
    assert_eq!(web_server.ask(1, post_whole(1, KEEP, "/x", b"new")).await.text(), "POST /x new");
}

#[tokio::test(start_paused = true)]
async fn eof_in_late_stdin_after_an_early_response_is_clean() {
    for keep in [KEEP, CLOSE] {
        let mut web_server = early_or_echo();
        let answer = web_server.ask(1, post(1, keep, "/early", 8000)).await;
        assert_eq!(answer.text(), "early");
        web_server.send(stdin(1, &[0; 8000])[..1000].to_vec());
        web_server.end();
        let result = web_server.ended().await;
        assert!(result.is_ok(), "{result:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_read_to_its_length_ends_on_its_empty_record() {
    let web_server = serve(handler(|request| async { full(read(request.into_body()).await.unwrap()) }));
    web_server.say([post(1, KEEP, "/", 4), stdin(1, b"abcd")].concat()).await;
    assert!(!web_server.answers().has(1), "a fifth byte may follow");
    assert_eq!(web_server.ask(1, end_stdin(1)).await.text(), "abcd");
}

#[tokio::test(start_paused = true)]
async fn early_answered_open_ids_are_limited() {
    let mut limits = tower_fcgi::Limits::default();
    limits.max_half_closed_requests = 3;
    let mut web_server = not_found_with(Config::default().with_limits(limits));
    for id in 1..=3 {
        assert_eq!(web_server.ask(id, post(id, KEEP, "/", 4)).await.status(), 404);
    }
    assert!(!web_server.sees_end());
    assert_eq!(web_server.ask(4, post(4, KEEP, "/", 4)).await.status(), 404);
    assert!(web_server.sees_end(), "one byte too many");
    web_server.end();
    assert!(web_server.ended().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn padding_that_comes_late_is_no_request() {
    let mut web_server = early_or_echo();
    let padded = record(fcgi_core::RecordType::STDIN, 1, b"a");
    let (all_but, padding) = padded.split_at(9);
    let first = [post(1, KEEP, "/x", 1), all_but.to_vec()].concat();
    web_server.say(first).await;
    web_server.say(padding.to_vec()).await;
    assert_eq!(web_server.ask(1, end_stdin(1)).await.text(), "POST /x a");
    web_server.end();
    assert!(web_server.ended().await.is_ok());
}
