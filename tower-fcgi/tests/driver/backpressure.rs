//! Unread bodies, and unread responses.

use std::sync::{Arc, Mutex};

use http::Response;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tower_fcgi::{Config, ErrorKind, Limits, RequestBody};

use crate::handlers::{Count, Gate, boxed, echo, full, handler, read};
use crate::records::{CLOSE, KEEP, abort, end_stdin, get, get_values, post, post_whole, stdin};
use crate::scripted::Scripted;
use crate::web_server::{WebServer, serve, serve_with};

/// Bytes that one read can receive beyond a limit, with its headers.
const ONE_READ: usize = 70 * 1024;

fn limits(change: impl FnOnce(&mut Limits)) -> Config {
    let mut limits = Limits::default();
    change(&mut limits);
    Config::default().with_limits(limits)
}

/// Waits for the gate, then responds with the length of the body.
fn late_reader(config: Config, gate: &Gate) -> WebServer {
    let gate = gate.clone();
    serve_with(
        config,
        handler(move |request| {
            let gate = gate.clone();
            async move {
                gate.pass().await;
                full(read(request.into_body()).await.unwrap().len().to_string())
            }
        }),
    )
}

#[tokio::test(start_paused = true)]
async fn an_unread_body_pauses_input_at_its_window() {
    for limit in [1, 10_000, 256 * 1024] {
        for packet in [1000, 1 << 16, 1 << 20] {
            let gate = Gate::new();
            let web_server = late_reader(limits(|limits| limits.request_window = limit), &gate);
            web_server.send_in_packets(post_whole(1, KEEP, "/", &vec![1; 2 << 20]), packet);
            web_server.quiet().await;
            let taken = web_server.taken();
            assert!((limit..limit + ONE_READ).contains(&taken), "{taken} of {limit}");
            gate.open(1);
            web_server.quiet().await;
            assert_eq!(web_server.answer(1).text(), (2 << 20).to_string());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn several_requests_share_one_limit_for_their_bodies() {
    let gate = Gate::new();
    let config = limits(|limits| limits.connection_window = 100_000);
    let web_server = late_reader(config, &gate);
    for id in 1..=3 {
        web_server.say(post(id, KEEP, "/", 90_000)).await;
    }
    let before = web_server.taken();
    for _ in 0..9 {
        for id in 1..=3 {
            web_server.send(stdin(id, &[0; 10_000]));
        }
    }
    web_server.send([end_stdin(1), end_stdin(2), end_stdin(3)].concat());
    web_server.quiet().await;
    let taken = web_server.taken() - before;
    assert!((100_000..100_000 + ONE_READ).contains(&taken), "{taken}");
    gate.open(3);
    web_server.quiet().await;
    for id in 1..=3 {
        assert_eq!(web_server.answer(id).text(), "90000");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slowly_read_body_admits_what_it_releases() {
    let bodies: Arc<Mutex<Vec<RequestBody>>> = Arc::default();
    let out = Arc::clone(&bodies);
    let config = limits(|limits| limits.request_window = 10_000);
    let web_server = serve_with(
        config,
        handler(move |request| {
            out.lock().unwrap().push(request.into_body());
            std::future::pending()
        }),
    );
    web_server.send_in_packets(post_whole(1, KEEP, "/", &[0; 400_000]), 1000);
    web_server.quiet().await;
    let mut body = bodies.lock().unwrap().pop().unwrap();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        read += frame.unwrap().into_data().unwrap().len();
        web_server.quiet().await;
        let ahead = web_server.taken() - read;
        assert!(ahead < 10_000 + 10_000, "{ahead} bytes ahead after {read}");
    }
    assert_eq!(read, 400_000);
    assert!(body.is_end_stream());
}

#[tokio::test(start_paused = true)]
async fn abort_and_eof_are_seen_behind_an_unread_body() {
    let web_server = late_reader(Config::default(), &Gate::new());
    web_server.say([post(1, KEEP, "/", 1 << 20), stdin(1, &[0; 200_000]), abort(1)].concat()).await;
    assert!(web_server.answer(1).stdout.is_empty());

    let mut web_server = late_reader(Config::default(), &Gate::new());
    web_server.send([post(1, CLOSE, "/", 1 << 20), stdin(1, &[0; 200_000])].concat());
    web_server.end();
    assert_eq!(web_server.ended().await.unwrap_err().kind(), ErrorKind::Canceled);
}

#[tokio::test(start_paused = true)]
async fn one_byte_stdin_records_are_right_and_stop_at_limit() {
    for packet in [1, 9, 1000, 1 << 16] {
        let gate = Gate::new();
        let web_server = late_reader(limits(|limits| limits.request_window = 3000), &gate);
        let bytes = stdin(1, b"x").repeat(20_000);
        let record = bytes.len() / 20_000;
        web_server.say(post(1, KEEP, "/", 20_000)).await;
        let before = web_server.taken();
        web_server.send_in_packets([bytes, end_stdin(1)].concat(), packet);
        web_server.quiet().await;
        let taken = web_server.taken() - before;
        // The padding of the last record may still be unread.
        let least = 3000 * record - 7;
        assert!((least..least + ONE_READ).contains(&taken), "{taken}");
        gate.open(1);
        web_server.quiet().await;
        assert_eq!(web_server.answer(1).text(), "20000");
    }
}

#[tokio::test(start_paused = true)]
async fn single_one_byte_records_stay_within_the_limit() {
    let frames: Arc<Mutex<Vec<usize>>> = Arc::default();
    let (gate, out) = (Gate::new(), Arc::clone(&frames));
    let held = gate.clone();
    let web_server = serve(handler(move |request| {
        let (gate, frames) = (held.clone(), Arc::clone(&out));
        async move {
            gate.pass().await;
            let mut body = request.into_body();
            while let Some(Ok(frame)) = body.frame().await {
                frames.lock().unwrap().push(frame.into_data().unwrap().len());
            }
            full("")
        }
    }));
    web_server.say(post(1, KEEP, "/", 100_000)).await;
    for _ in 0..100_000 {
        web_server.send(stdin(1, b"x"));
    }
    web_server.say(end_stdin(1)).await;
    gate.open(1);
    web_server.quiet().await;
    let frames = frames.lock().unwrap();
    assert_eq!(frames.iter().sum::<usize>(), 100_000);
    // A `Bytes` has 32 bytes, and its allocation at least 32.
    let memory = frames.len() * 64 + 100_000;
    assert!(memory <= 2 * 256 * 1024, "{} frames held about {memory} bytes", frames.len());
}

#[tokio::test(start_paused = true)]
async fn an_unread_response_stops_at_the_write_buffer() {
    let polled = Count::default();
    let count = polled.clone();
    let web_server = serve(handler(move |_| {
        let count = count.clone();
        let body = Scripted::endless(move || {
            count.add();
            vec![0; 1000].into()
        });
        async move { Response::new(boxed(body)) }
    }));
    web_server.wire.make_room(0);
    web_server.say([get(1, KEEP, "/"), get(2, KEEP, "/"), get(3, KEEP, "/")].concat()).await;
    let produced = polled.now() * 1000;
    assert!(produced < 2 << 20, "{produced} bytes queued");
    web_server.say(abort(1)).await;
    web_server.wire.make_room(100_000);
    web_server.quiet().await;
    assert!(polled.now() * 1000 < produced + 500_000, "little more than was written");
}

#[tokio::test(start_paused = true)]
async fn an_unread_response_is_produced_up_to_its_limit() {
    for limit in [0, 1, 10_000, 256 * 1024] {
        let polled = Count::default();
        let count = polled.clone();
        let web_server = serve_with(
            Config::default().with_max_write_buffer(limit),
            handler(move |request| {
                let count = count.clone();
                async move {
                    if request.uri().path() == "/whole" {
                        return full("whole");
                    }
                    let body = Scripted::endless(move || {
                        count.add();
                        vec![0; 1000].into()
                    });
                    Response::new(boxed(body))
                }
            }),
        );
        web_server.wire.make_room(0);
        web_server.say(get(1, KEEP, "/")).await;
        let produced = polled.now() * 1000;
        // One frame comes on top, and the head is a part of it.
        assert!((limit.saturating_sub(1000)..=limit + 1000).contains(&produced), "{produced} of {limit}");
        web_server.say([get(2, KEEP, "/whole"), abort(1)].concat()).await;
        web_server.wire.make_room(usize::MAX);
        web_server.quiet().await;
        assert_eq!(web_server.answer(2).text(), "whole");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_reads_replies_is_paused() {
    let web_server = serve(handler(echo));
    web_server.wire.make_room(0);
    let question = get_values(&["FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS"]);
    web_server.send_in_packets(question.repeat(100_000), 10_000);
    web_server.quiet().await;
    let taken = web_server.taken();
    assert!(taken < 1 << 20, "{taken}");
    web_server.wire.make_room(usize::MAX);
    web_server.quiet().await;
    assert_eq!(web_server.answers().values.len(), 100_000);
}
