//! Everything that a connection waits for has a timeout.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame};
use tokio::time::{Instant, advance, sleep};
use tower_fcgi::{Builder, Config, ErrorKind, Limits};

use crate::handlers::{Count, Gate, boxed, echo, full, handler};
use crate::records::{CLOSE, KEEP, begin, end_params, end_stdin, get, get_values, post, some_params, stdin};
use crate::scripted::{Scripted, Step, data};
use crate::web_server::{WebServer, serve, serve_with};
use crate::wire::Wire;

const SECOND: Duration = Duration::from_secs(1);

/// BEGIN_REQUEST and some of PARAMS.
fn half_a_head(id: u16, keep: bool) -> Vec<u8> {
    [begin(id, keep), some_params(id, &[("REQUEST_METHOD", "GET")])].concat()
}

#[tokio::test(start_paused = true)]
async fn slow_params_get_a_408_and_the_connection_is_kept() {
    let web_server = serve_with(Config::default().with_header_read_timeout(10 * SECOND), handler(echo));
    web_server.say(half_a_head(1, KEEP)).await;
    for _ in 0..9 {
        sleep(SECOND).await;
        web_server.say(some_params(1, &[("X", "y")])).await;
        assert!(!web_server.answers().has(1));
    }
    sleep(SECOND).await;
    let answer = web_server.answer(1);
    assert_eq!(answer.status(), 408);
    assert_eq!(answer.errors(), "");
    assert!(!web_server.sees_end());
    web_server.say([some_params(1, &[("X", "y")]), end_params(1), end_stdin(1)].concat()).await;
    assert_eq!(web_server.ask(1, get(1, KEEP, "/next")).await.text(), "GET /next ");
}

#[tokio::test(start_paused = true)]
async fn endless_params_get_a_408_and_a_close_when_unkept() {
    let mut web_server = serve(handler(echo));
    web_server.say(half_a_head(1, CLOSE)).await;
    sleep(61 * SECOND).await;
    assert_eq!(web_server.answer(1).status(), 408);
    assert!(web_server.sees_end());
    web_server.end();
    assert!(web_server.ended().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_partial_begin_has_the_header_read_timeout() {
    for at in [1, 7, 8, 15] {
        let mut web_server = serve(handler(echo));
        web_server.send(begin(1, KEEP)[..at].to_vec());
        let (result, took) = web_server.ended_after().await;
        assert!(result.unwrap_err().is_timeout(), "after {at} bytes");
        assert_eq!(took.as_secs(), 60);
    }
}

#[tokio::test(start_paused = true)]
async fn each_head_has_a_time_of_its_own_from_its_begin() {
    let web_server = serve(handler(echo));
    web_server.say(half_a_head(1, KEEP)).await;
    sleep(30 * SECOND).await;
    web_server.say(half_a_head(2, KEEP)).await;
    sleep(31 * SECOND).await;
    assert_eq!(web_server.answer(1).status(), 408);
    assert!(!web_server.answers().has(2));
    sleep(30 * SECOND).await;
    assert_eq!(web_server.answer(2).status(), 408, "91 s after the first request, 61 s after its own begin");
}

#[tokio::test(start_paused = true)]
async fn the_params_timer_runs_during_a_slow_write() {
    let gate = Gate::new();
    let held = gate.clone();
    let web_server = serve(handler(move |_| {
        let steps = (0..100).flat_map(|_| [Step::Wait(held.clone()), data("tick")]).collect::<Vec<_>>();
        async move { Response::new(boxed(Scripted::new(steps))) }
    }));
    web_server.say([get(1, KEEP, "/"), half_a_head(2, KEEP)].concat()).await;
    for _ in 0..61 {
        web_server.wire.make_room(0);
        gate.open(1);
        sleep(SECOND / 2).await;
        web_server.wire.make_room(usize::MAX);
        sleep(SECOND / 2).await;
    }
    assert_eq!(web_server.answer(2).status(), 408);
}

/// A response of 300 000 bytes for a web server that reads none. Counts the drop of its handler or body.
async fn stalled(config: Config, request: Vec<u8>) -> (WebServer, Count) {
    let dropped = Count::default();
    let count = dropped.clone();
    let web_server = serve_with(
        config,
        handler(move |_| {
            let guard = count.on_drop();
            let frames = (0..300).map(|_| data(vec![b'x'; 1000])).chain([Step::Hang]);
            let body = Scripted::new(frames.collect::<Vec<_>>()).keep(guard);
            async move { Response::new(boxed(body)) }
        }),
    );
    web_server.wire.make_room(0);
    web_server.say(request).await;
    (web_server, dropped)
}

#[tokio::test(start_paused = true)]
async fn a_stalled_reader_hits_the_write_timeout() {
    for keep in [KEEP, CLOSE] {
        let (mut web_server, dropped) =
            stalled(Config::default().with_write_timeout(5 * SECOND), get(1, keep, "/")).await;
        let (result, took) = web_server.ended_after().await;
        assert!(result.unwrap_err().is_timeout());
        assert_eq!(took.as_secs_f32().round(), 5.0);
        assert_eq!(dropped.now(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_trickling_reader_does_not_stall() {
    let (mut web_server, _) =
        stalled(Config::default().with_write_timeout(5 * SECOND), get(1, KEEP, "/")).await;
    for _ in 0..10 {
        sleep(4 * SECOND).await;
        web_server.wire.make_room(1);
        web_server.quiet().await;
        assert!(!web_server.is_closed());
    }
    let (result, took) = web_server.ended_after().await;
    assert!(result.unwrap_err().is_timeout());
    assert_eq!(took.as_secs_f32().round(), 5.0);
}

#[tokio::test(start_paused = true)]
async fn the_last_response_has_the_write_timeout_too() {
    let mut web_server = serve(handler(|_| async { full(vec![b'x'; 1000]) }));
    web_server.wire.make_room(10);
    web_server.send(get(1, CLOSE, "/"));
    let (result, took) = web_server.ended_after().await;
    assert!(result.unwrap_err().is_timeout());
    assert_eq!(took.as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_closes_after_its_timeout() {
    let mut web_server = serve_with(Config::default().with_keep_alive_timeout(75 * SECOND), handler(echo));
    for _ in 0..3 {
        web_server.ask(1, get(1, KEEP, "/")).await;
        sleep(70 * SECOND).await;
    }
    web_server.ask(1, get(1, KEEP, "/")).await;
    let (result, took) = web_server.ended_after().await;
    assert!(result.is_ok());
    assert_eq!(took.as_secs_f32().round(), 75.0);
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_request_times_out() {
    let mut web_server = serve_with(Config::default().with_keep_alive_timeout(75 * SECOND), handler(echo));
    let (result, took) = web_server.ended_after().await;
    assert!(result.unwrap_err().is_timeout());
    assert_eq!(took.as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_stays_open_without_a_timeout() {
    let web_server = serve(handler(echo));
    web_server.ask(1, get(1, KEEP, "/")).await;
    sleep(1_000_000 * SECOND).await;
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.text(), "GET / ");
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_take_its_time() {
    let gate = Gate::new();
    let held = gate.clone();
    let config = Config::default()
        .with_keep_alive_timeout(SECOND)
        .with_header_read_timeout(SECOND)
        .with_write_timeout(SECOND);
    let web_server = serve_with(
        config,
        handler(move |_| {
            let gate = held.clone();
            async move {
                gate.pass().await;
                full("at last")
            }
        }),
    );
    web_server.say([get(1, KEEP, "/"), post(2, KEEP, "/", 3), stdin(2, b"a")].concat()).await;
    sleep(10_000 * SECOND).await;
    gate.open(2);
    web_server.quiet().await;
    assert_eq!(web_server.answer(1).text(), "at last");
    assert_eq!(web_server.answer(2).text(), "at last");
}

#[tokio::test(start_paused = true)]
async fn a_limit_beyond_what_the_clock_can_count_is_none() {
    let config = Config::default().with_header_read_timeout(10 * SECOND).with_write_timeout(Duration::MAX);
    let (web_server, _) = stalled(config.clone(), half_a_head(1, KEEP)).await;
    // The timer is set for the head, not for the write.
    sleep(5 * SECOND).await;
    web_server.say([end_params(1), end_stdin(1)].concat()).await;
    for _ in 0..10 {
        sleep(10 * SECOND).await;
        web_server.say(get_values(&[])).await;
    }
    assert!(!web_server.is_closed());
}

/// Two requests with unread bodies, the second with more bytes; together they pause the input.
async fn paused(first: &str, second: &str) -> (WebServer, Gate, Count) {
    let (gate, dropped) = (Gate::new(), Count::default());
    let (held, count) = (gate.clone(), dropped.clone());
    let mut limits = Limits::default();
    limits.connection_window = 10_000;
    let web_server = serve_with(
        Config::default().with_limits(limits).with_body_stall_timeout(4 * SECOND),
        handler(move |request| {
            let (gate, guard) = (held.clone(), count.on_drop());
            async move {
                if request.uri() == "/streams" {
                    let body = Scripted::new([data("some"), Step::Hang]);
                    return Response::new(boxed(body.keep((request, guard))));
                }
                gate.pass().await;
                let _guard = guard;
                echo(request).await
            }
        }),
    );
    web_server.say([post(1, KEEP, first, 4002), stdin(1, &[b'a'; 4000])].concat()).await;
    web_server.say([post(2, KEEP, second, 9000), stdin(2, &[b'b'; 7000])].concat()).await;
    (web_server, gate, dropped)
}

#[tokio::test(start_paused = true)]
async fn paused_input_times_out_the_largest_unread_request() {
    let (web_server, gate, dropped) = paused("/", "/").await;
    web_server.say([stdin(1, b"zz"), end_stdin(1)].concat()).await;
    let start = Instant::now();
    while dropped.now() == 0 {
        sleep(SECOND / 10).await;
    }
    assert_eq!(start.elapsed().as_secs_f32().round(), 4.0);
    let answer = web_server.answer(2);
    assert_eq!(answer.status(), 503);
    assert!(!answer.errors().is_empty());
    assert_eq!(dropped.now(), 1);
    assert!(!web_server.answers().has(1));
    web_server.say([stdin(2, &[0; 2000]), end_stdin(2)].concat()).await;
    gate.open(1);
    web_server.quiet().await;
    assert_eq!(web_server.answer(1).text(), format!("POST / {}zz", "a".repeat(4000)));
    gate.open(1);
    assert_eq!(web_server.ask(2, get(2, KEEP, "/")).await.text(), "GET / ", "its STDIN was discarded");
}

#[tokio::test(start_paused = true)]
async fn a_paused_request_past_its_head_is_reset_last() {
    let (mut web_server, gate, dropped) = paused("/", "/streams").await;
    sleep(5 * SECOND).await;
    assert!(web_server.answers().of(2).is_cut_off());
    assert_eq!(dropped.now(), 1);
    web_server.send([stdin(1, b"zz"), end_stdin(1)].concat());
    gate.open(1);
    assert_eq!(web_server.ended().await.unwrap_err().kind(), ErrorKind::IncompleteResponse);
    assert_eq!(web_server.answer(1).status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_request_alone_may_leave_its_body_unread_for_ever() {
    let gate = Gate::new();
    let held = gate.clone();
    let web_server = serve(handler(move |request| {
        let gate = held.clone();
        async move {
            gate.pass().await;
            echo(request).await
        }
    }));
    web_server.send_in_packets([post(1, KEEP, "/", 1 << 20), stdin(1, &vec![0; 1 << 20])].concat(), 9999);
    sleep(100_000 * SECOND).await;
    gate.open(1);
    web_server.say(end_stdin(1)).await;
    assert_eq!(web_server.answer(1).status(), 200);
}

#[tokio::test(start_paused = true)]
async fn the_next_partial_record_has_its_whole_time() {
    let web_server = serve(handler(echo));
    let (first, second) = (get(1, KEEP, "/first"), get(2, KEEP, "/second"));
    web_server.say(first[..4].to_vec()).await;
    sleep(59 * SECOND).await;
    web_server.say([&first[4..], &second[..4]].concat()).await;
    assert_eq!(web_server.answer(1).text(), "GET /first ");
    sleep(58 * SECOND).await;
    assert!(!web_server.sees_end());
    assert_eq!(web_server.ask(2, second[4..].to_vec()).await.text(), "GET /second ");
}

/// A body that always has another frame.
struct Endless;

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"tick")))))
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_never_blocks_times_out() {
    let wire = Wire::default();
    wire.give(get(1, KEEP, "/").into());
    let config = Config::default().with_request_timeout(SECOND);
    let service = handler(|_| async { Response::new(boxed(Endless)) });
    let mut connection = pin!(Builder::new().with_config(config).serve_connection(wire.transport(), service));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(connection.as_mut().poll(&mut cx).is_pending());
    advance(SECOND).await;
    let ended = (0..100).find_map(|_| match connection.as_mut().poll(&mut cx) {
        Poll::Ready(ended) => Some(ended),
        Poll::Pending => None,
    });
    assert_eq!(ended.expect("it goes on").unwrap_err().kind(), ErrorKind::IncompleteResponse);
}
