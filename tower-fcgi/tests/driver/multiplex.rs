//! Concurrent requests on one connection.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use fcgi_core::server::OverloadResponse;
use fcgi_core::{ProtocolStatus, RecordType};
use http::Response;
use tower_fcgi::{Config, ErrorKind, Limits};

use crate::chunking::Random;
use crate::handlers::{Gate, boxed, echo, full, handler};
use crate::records::{KEEP, begin, end_stdin, get, post, post_whole, some_params, stdin};
use crate::scripted::{Scripted, Step, data};
use crate::web_server::{serve, serve_with};

#[tokio::test(start_paused = true)]
async fn sixteen_interleaved_requests_get_their_responses() {
    for seed in 1..=20 {
        let mut random = Random(seed);
        let web_server = serve(handler(|request| async {
            // In chunks, so that the responses interleave as well.
            if request.uri().path().ends_with("/stream") {
                return Response::new(boxed(request.into_body()));
            }
            echo(request).await
        }));
        let body = |id: u16| -> Vec<u8> { vec![u8::try_from(id).unwrap(); 700 * usize::from(id)] };
        let path = |id: u16| if id.is_multiple_of(2) { format!("/{id}/stream") } else { format!("/{id}") };
        let mut requests: Vec<Vec<Vec<u8>>> = (1..=16)
            .map(|id| {
                let bytes = body(id);
                let mut records = vec![end_stdin(id)];
                records.extend(bytes.chunks(500).rev().map(|chunk| stdin(id, chunk)));
                records.push(post(id, KEEP, &path(id), bytes.len()));
                records
            })
            .collect();
        while requests.iter().any(|records| !records.is_empty()) {
            let mut packet = Vec::new();
            for _ in 0..=random.below(6) {
                packet.extend(requests[random.below(16)].pop().unwrap_or_default());
            }
            if !packet.is_empty() {
                web_server.send(packet);
            }
            if random.below(4) == 0 {
                web_server.quiet().await;
            }
        }
        web_server.quiet().await;
        for id in 1..=16 {
            let answer = web_server.answer(id);
            let expected = if id % 2 == 0 {
                body(id)
            } else {
                [format!("POST {} ", path(id)).as_bytes(), &body(id)].concat()
            };
            assert!(answer.body() == expected, "seed {seed}, request {id}: {answer:?}");
        }
        assert!(web_server.handle.idle_for().is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_handler_or_unread_body_blocks_no_other() {
    let gate = Gate::new();
    let held = gate.clone();
    let web_server = serve(handler(move |request| {
        let gate = held.clone();
        async move {
            if request.uri() == "/waits" {
                gate.pass().await;
            }
            echo(request).await
        }
    }));
    web_server.say([post(1, KEEP, "/waits", 200_000), stdin(1, &[b'x'; 200_000])].concat()).await;
    web_server.say([post(2, KEEP, "/waits", 3), stdin(2, b"abc")].concat()).await;
    for id in 3..=20 {
        web_server.say(post_whole(id, KEEP, "/now", b"y")).await;
        assert_eq!(web_server.answer(id).text(), "POST /now y");
    }
    gate.open(2);
    web_server.say([end_stdin(1), end_stdin(2)].concat()).await;
    assert_eq!(web_server.answer(1).body().len(), 200_000 + "POST /waits ".len());
    assert_eq!(web_server.answer(2).text(), "POST /waits abc");
}

/// `/large` responds with ten megabytes, immediately ready, in frames of this size; other responses are small.
async fn beside_a_large_answer(frame: usize, large_first: bool) {
    let web_server = serve(handler(move |request| async move {
        if request.uri() == "/large" {
            let bytes = Bytes::from(vec![b'x'; frame]);
            return Response::new(boxed(Scripted::new((0..(10 << 20) / frame).map(|_| data(bytes.clone())))));
        }
        if request.uri() == "/hold" {
            return std::future::pending().await;
        }
        full("small")
    }));
    // The reader takes 64 KiB at a time; the small requests are received while the large response is written.
    web_server.wire.make_room(0);
    if !large_first {
        web_server.say(get(2, KEEP, "/hold")).await;
    }
    web_server.say(get(1, KEEP, "/large")).await;
    for id in 3..=5 {
        web_server.say(get(id, KEEP, "/")).await;
    }
    let mut taken = 0;
    while !(3..=5).all(|id| web_server.answers().has(id) && web_server.answers().of(id).is_whole()) {
        web_server.wire.make_room(64 * 1024);
        web_server.quiet().await;
        taken += 64 * 1024;
        assert!(
            taken <= 2 << 20,
            "frames of {frame}: two megabytes of the large response preceded the small ones"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_inline_response_does_not_starve_small_ones() {
    for frame in [1000, 8 * 1024, 64 * 1024] {
        beside_a_large_answer(frame, true).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_task_response_does_not_starve_small_ones() {
    for frame in [1000, 8 * 1024, 64 * 1024] {
        beside_a_large_answer(frame, false).await;
    }
}

#[tokio::test(start_paused = true)]
async fn over_the_request_limit_is_a_503_for_it_alone() {
    let mut limits = Limits::default();
    limits.max_concurrent_requests = 4;
    let gate = Gate::new();
    let held = gate.clone();
    let web_server = serve_with(
        Config::default().with_limits(limits),
        handler(move |request| {
            let gate = held.clone();
            async move {
                match request.uri().path() {
                    "/waits" => {
                        gate.pass().await;
                        full("waited")
                    }
                    "/streams" => {
                        Response::new(boxed(Scripted::new([data("a"), Step::Wait(gate), data("b")])))
                    }
                    _ => echo(request).await,
                }
            }
        }),
    );
    web_server.say(get(1, KEEP, "/waits")).await;
    web_server.say(get(2, KEEP, "/streams")).await;
    web_server.say([post(3, KEEP, "/", 6), stdin(3, b"abc")].concat()).await;
    let half = some_params(4, &[("REQUEST_METHOD", "PUT")]);
    web_server.say([begin(4, KEEP), half].concat()).await;
    for id in [5, 6] {
        web_server.say(post_whole(id, KEEP, "/", b"skipped")).await;
        assert_eq!(web_server.answer(id).status(), 503);
    }
    gate.open(2);
    web_server
        .say([stdin(3, b"def"), end_stdin(3), crate::records::end_params(4), end_stdin(4)].concat())
        .await;
    assert_eq!(web_server.answer(1).text(), "waited");
    assert_eq!(web_server.answer(2).text(), "ab");
    assert_eq!(web_server.answer(3).text(), "POST / abcdef");
    assert_eq!(web_server.answer(4).text(), "PUT / ");
    assert_eq!(web_server.ask(5, get(5, KEEP, "/")).await.text(), "GET / ");
}

#[tokio::test(start_paused = true)]
async fn over_the_request_limit_protocol_status_is_optional() {
    for status in [ProtocolStatus::OVERLOADED, ProtocolStatus::CANT_MPX_CONN] {
        let mut limits = Limits::default();
        limits.max_concurrent_requests = 1;
        let config =
            Config::default().with_limits(limits).with_overload_response(OverloadResponse::Status(status));
        let web_server = serve_with(config, handler(echo));
        web_server.say([post(1, KEEP, "/", 3), get(2, KEEP, "/")].concat()).await;
        let answers = web_server.answers();
        assert_eq!(answers.of(2).end.unwrap().protocol_status, status);
        assert!(answers.of(2).stdout.is_empty());
        web_server.say([stdin(1, b"abc"), end_stdin(1)].concat()).await;
        assert_eq!(web_server.answer(1).text(), "POST / abc");
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_begin_on_an_active_id_ends_the_connection() {
    let mut web_server = serve(handler(echo));
    web_server.say(post(1, KEEP, "/", 3)).await;
    web_server.send(begin(1, KEEP));
    let error = web_server.ended().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
}

#[tokio::test(start_paused = true)]
async fn concurrent_streams_do_not_mix_their_records() {
    let gates: Arc<Mutex<Vec<Gate>>> = Arc::default();
    let out = Arc::clone(&gates);
    let web_server = serve(handler(move |request| {
        let gate = Gate::new();
        out.lock().unwrap().push(gate.clone());
        let text = request.uri().path().to_owned();
        let steps: Vec<_> =
            (0..20).flat_map(|_| [Step::Wait(gate.clone()), data(text.clone().repeat(500))]).collect();
        async move { Response::new(boxed(Scripted::new(steps))) }
    }));
    web_server.say((1..=5).flat_map(|id| get(id, KEEP, &format!("/{id}"))).collect::<Vec<_>>()).await;
    let gates = gates.lock().unwrap().clone();
    let mut random = Random(7);
    for _ in 0..200 {
        gates[random.below(5)].open(1 + random.below(2));
        web_server.quiet().await;
    }
    gates.iter().for_each(|gate| gate.open(20));
    web_server.quiet().await;
    for id in 1..=5 {
        assert!(web_server.answer(id).text() == format!("/{id}").repeat(500 * 20));
    }
    let order = web_server.answers().order;
    let ends = order.iter().filter(|(kind, ..)| *kind == RecordType::END_REQUEST);
    assert_eq!(ends.count(), 5);
}
