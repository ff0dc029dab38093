//! Which bytes are written together, and when.

use std::time::Duration;

use fcgi_core::RecordType;
use http::Response;
use tower_fcgi::Config;

use crate::handlers::{Body, Gate, boxed, echo, full, handler};
use crate::records::{CLOSE, KEEP, get, post_whole};
use crate::responses::Answers;
use crate::scripted::{Scripted, Step, data};
use crate::web_server::{WebServer, serve, serve_on};
use crate::wire::Wire;

/// Responds to every request with a new body.
fn serve_body(mut body: impl FnMut() -> Body + Send + 'static) -> WebServer {
    serve(handler(move |_| {
        let body = body();
        async move { Response::new(body) }
    }))
}

#[tokio::test(start_paused = true)]
async fn a_small_kept_request_is_one_write_and_one_read() {
    let web_server = serve(handler(echo));
    web_server.quiet().await;
    for round in 1..=3 {
        web_server.ask(1, post_whole(1, KEEP, "/", b"abc")).await;
        assert_eq!(web_server.writes().len(), 1);
        let wire = web_server.wire.lock();
        assert_eq!((wire.reads, wire.vain_reads), (round, round + 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_small_response_is_one_stdout_and_its_end() {
    for keep in [KEEP, CLOSE] {
        let web_server = serve(handler(echo));
        web_server.ask(1, get(1, keep, "/")).await;
        let kinds: Vec<_> = web_server.answers().order.into_iter().map(|(kind, ..)| kind).collect();
        assert_eq!(kinds, [RecordType::STDOUT, RecordType::STDOUT, RecordType::END_REQUEST]);
        assert_eq!(web_server.writes().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn each_body_frame_is_flushed_at_once() {
    for spawned in [false, true] {
        let gate = Gate::new();
        let held = gate.clone();
        let web_server = serve_body(move || {
            let steps =
                (1..=5).flat_map(|tick| [Step::Wait(held.clone()), data(format!("data: {tick}\n\n"))]);
            boxed(Scripted::new(steps.collect::<Vec<_>>()))
        });
        if spawned {
            web_server.say(get(9, KEEP, "/")).await;
        }
        web_server.say(get(1, KEEP, "/")).await;
        assert_eq!(web_server.answers().of(1).text(), "", "the head is sent before the first frame");
        let mut expected = String::new();
        for tick in 1..=5 {
            gate.open(if spawned { 2 } else { 1 });
            web_server.quiet().await;
            expected += &format!("data: {tick}\n\n");
            assert_eq!(web_server.answers().of(1).text(), expected);
        }
        assert!(web_server.answer(1).is_whole());
    }
}

#[tokio::test(start_paused = true)]
async fn ready_small_frames_share_a_write_and_a_record() {
    let web_server = serve_body(|| boxed(Scripted::new((0..50).map(|_| data("0123456789")))));
    let answer = web_server.ask(1, get(1, KEEP, "/")).await;
    assert_eq!(answer.text(), "0123456789".repeat(50));
    assert_eq!(web_server.writes().len(), 1);
    // The head, the frames, the empty STDOUT, END_REQUEST.
    assert_eq!(web_server.answers().order.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_response_is_one_write() {
    for spawned in [false, true] {
        for last in ["z", ""] {
            let gate = Gate::new();
            let held = gate.clone();
            let web_server = serve_body(move || {
                let steps = [data("a"), Step::Wait(held.clone()), data("y"), data(last)];
                boxed(Scripted::new(steps))
            });
            if spawned {
                web_server.say(get(9, KEEP, "/")).await;
            }
            web_server.say(get(1, KEEP, "/")).await;
            if spawned {
                // The inline one, which is not checked here.
                web_server.say(crate::records::abort(9)).await;
            }
            web_server.forget();
            gate.open(1);
            web_server.quiet().await;
            assert_eq!(web_server.writes().len(), 1);
            let order = web_server.answers().order;
            let stdout = RecordType::STDOUT;
            assert_eq!(order, [(stdout, 1, 1 + last.len()), (stdout, 1, 0), (RecordType::END_REQUEST, 1, 8)]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn large_responses_are_split_correctly_in_any_writes() {
    let body: Vec<u8> = (0..=250).cycle().take(300_001).collect();
    for vectored in [true, false] {
        for most in [1, 7, 8, 9, 4096, 65_535, 65_536, 70_000, usize::MAX] {
            let (body, wire) = (body.clone(), Wire::default());
            let expected = body.clone();
            wire.lock().vectored = vectored;
            wire.lock().pattern = Box::new(move |_| most);
            let large = handler(move |_| {
                let body = body.clone();
                async move { full(body) }
            });
            let web_server = serve_on(wire, Config::default(), large);
            web_server.say(get(1, KEEP, "/")).await;
            assert!(web_server.answer(1).body() == expected, "writes of {most}, vectored: {vectored}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_write_is_followed_by_a_full_one() {
    // What Linux takes of a unix socket's queue at once: less than the output holds when it is full.
    const TAKEN: usize = 219_264;
    for (most, writes) in [(TAKEN, 5), (usize::MAX, 4)] {
        let wire = Wire::default();
        wire.lock().pattern = Box::new(move |offered| offered.min(most));
        let frames = handler(async |_| {
            Response::new(boxed(Scripted::new((0..16).map(|_| data(vec![b'x'; 64 * 1024])))))
        });
        let web_server = serve_on(wire, Config::default(), frames);
        web_server.say(get(1, KEEP, "/")).await;
        assert_eq!(web_server.answer(1).body().len(), 1 << 20);
        assert_eq!(web_server.writes().len(), writes, "{:?}", web_server.writes());
    }
}

/// Small and large frames, so that copied and shared chunks alternate.
fn mixed() -> Body {
    let sizes = [1, 4095, 4096, 10, 65_535, 3, 65_536, 5000, 0, 70_001, 2];
    boxed(Scripted::new(sizes.map(|size| data(vec![u8::try_from(size % 251).unwrap(); size]))))
}

#[tokio::test(start_paused = true)]
async fn short_and_vectored_writes_give_the_same_bytes() {
    let reference = serve_body(mixed);
    reference.ask(1, get(1, KEEP, "/")).await;
    let expected = reference.wire.lock().output.clone();
    for seed in 1..=60_u64 {
        let wire = Wire::default();
        let mut random = crate::chunking::Random(seed);
        wire.lock().vectored = seed % 3 != 0;
        // Sometimes nothing, mostly a little, sometimes everything.
        wire.lock().pattern = Box::new(move |offered| match random.below(8) {
            0 => 0,
            1 => offered,
            2 => random.below(offered) + 1,
            _ => random.below(300) + 1,
        });
        let web_server = serve_on(wire, Config::default(), handler(|_| async { Response::new(mixed()) }));
        web_server.say(get(1, KEEP, "/")).await;
        let same = web_server.answers() == Answers::parse(&expected);
        // A full transport may change the bounds of records, but not the bytes of the streams.
        assert!(same || web_server.answer(1) == reference.answer(1), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_length_of_a_first_write_is_taken_up_right() {
    let reference = serve(handler(echo));
    let expected = reference.ask(1, post_whole(1, KEEP, "/", b"abc")).await;
    let length = reference.writes()[0];
    for first in 1..length {
        let web_server = serve(handler(echo));
        web_server.wire.make_room(first);
        web_server.say(post_whole(1, KEEP, "/", b"abc")).await;
        assert_eq!(web_server.writes(), [first]);
        web_server.wire.make_room(usize::MAX);
        web_server.quiet().await;
        assert_eq!(web_server.writes(), [first, length - first]);
        assert_eq!(web_server.answer(1), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_comes_back_gets_the_rest_at_once() {
    let web_server = serve_body(|| boxed(Scripted::new((0..100).map(|_| data(vec![1; 10_000])))));
    web_server.wire.make_room(5000);
    web_server.say(get(1, KEEP, "/")).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    web_server.wire.make_room(usize::MAX);
    web_server.quiet().await;
    assert_eq!(web_server.answer(1).body().len(), 1_000_000);
}

#[tokio::test(start_paused = true)]
async fn a_large_body_is_written_in_few_writes() {
    let web_server = serve(handler(|_| async { full(vec![0; 1 << 20]) }));
    web_server.ask(1, get(1, KEEP, "/")).await;
    let writes = web_server.writes();
    assert!(writes.len() <= 3, "{writes:?}");
}
