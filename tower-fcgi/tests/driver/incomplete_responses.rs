//! Failures after the first write of a response: it must never look complete.

use http::{Response, StatusCode};
use tower_fcgi::ErrorKind;

use crate::handlers::{Gate, Reply, boxed, full, handler};
use crate::records::{CLOSE, KEEP, abort, end_stdin, get, post, stdin};
use crate::scripted::{Scripted, Step, data, quietly};
use crate::web_server::{WebServer, serve};

/// The bodies of `/bad/…`; each waits for the gate and fails after a part of its body.
fn bad(path: &str, gate: Gate) -> Scripted {
    let wait = Step::Wait(gate);
    match path {
        "/bad/error" => Scripted::new([wait, data("some"), Step::Error]),
        "/bad/panic" => Scripted::new([data("some"), wait, Step::Panic]),
        "/bad/short" => Scripted::new([data("some"), wait]).exact(5),
        _ => unreachable!("{path}"),
    }
}

const ALL: [&str; 3] = ["/bad/error", "/bad/panic", "/bad/short"];

/// Also serves `/wait`, which waits for its own gate, and `/echo`, which reads its body.
fn served(fails: &Gate, waits: &Gate) -> WebServer {
    quietly();
    let (fails, waits) = (fails.clone(), waits.clone());
    serve(handler(move |request| {
        let (fails, gate) = (fails.clone(), waits.clone());
        async move {
            match request.uri().path() {
                "/wait" => {
                    gate.pass().await;
                    full("waited")
                }
                "/echo" => crate::handlers::echo(request).await,
                path => Response::new(boxed(bad(path, fails))),
            }
        }
    }))
}

fn assert_cut_off(web_server: &WebServer, id: u16) {
    let answers = web_server.answers();
    let answer = answers.of(id);
    assert!(answer.is_cut_off(), "no empty STDOUT and no END_REQUEST: {answer:?}");
    assert_eq!(answer.status(), 200);
    assert!(["some", ""].contains(&answer.text().as_str()), "{}", answer.text());
    assert!(!answer.stderr.is_empty());
    assert!(!answers.torn);
}

#[tokio::test(start_paused = true)]
async fn a_failure_after_the_head_resets_without_an_end() {
    for keep in [KEEP, CLOSE] {
        for path in ALL {
            let fails = Gate::new();
            let mut web_server = served(&fails, &Gate::new());
            web_server.say(get(1, keep, path)).await;
            fails.open(1);
            let (result, took) = web_server.ended_after().await;
            assert_eq!(result.unwrap_err().kind(), ErrorKind::IncompleteResponse);
            assert_eq!(took.as_millis(), 0, "immediately");
            assert_cut_off(&web_server, 1);
            assert!(web_server.was_reset() && web_server.is_closed());
            assert!(!web_server.wire.lock().shut, "a shutdown would look like a clean end");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_after_the_head_ignores_an_open_body() {
    let fails = Gate::new();
    let mut web_server = served(&fails, &Gate::new());
    web_server.say([post(1, KEEP, "/bad/error", 9), stdin(1, b"abc")].concat()).await;
    fails.open(1);
    assert_eq!(web_server.ended().await.unwrap_err().kind(), ErrorKind::IncompleteResponse);
    assert_cut_off(&web_server, 1);
}

#[tokio::test(start_paused = true)]
async fn earlier_responses_are_flushed_before_the_reset() {
    let fails = Gate::new();
    let mut web_server = served(&fails, &Gate::new());
    // One written byte is enough to rule out another response.
    web_server.wire.make_room(1);
    web_server.say(get(1, KEEP, "/bad/error")).await;
    fails.open(1);
    web_server.quiet().await;
    assert!(!web_server.is_closed());
    web_server.wire.make_room(usize::MAX);
    assert_eq!(web_server.ended().await.unwrap_err().kind(), ErrorKind::IncompleteResponse);
    assert_cut_off(&web_server, 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_failure_others_finish_and_new_ones_get_503() {
    for path in ALL {
        // The failing one runs inline, or in a task.
        for order in [[1, 2, 3], [2, 1, 3], [2, 3, 1]] {
            let (fails, gate) = (Gate::new(), Gate::new());
            let mut web_server = served(&fails, &gate);
            for id in order {
                let request = match id {
                    1 => get(1, KEEP, path),
                    2 => get(2, KEEP, "/wait"),
                    _ => post(3, KEEP, "/echo", 3),
                };
                web_server.say(request).await;
            }
            fails.open(1);
            web_server.quiet().await;
            assert_cut_off(&web_server, 1);
            assert!(!web_server.sees_end(), "other requests continue");
            web_server.say(get(4, KEEP, "/wait")).await;
            assert_eq!(web_server.answer(4).status(), 503);
            web_server.say([stdin(3, b"abc"), end_stdin(3)].concat()).await;
            assert_eq!(web_server.answer(3).text(), "POST /echo abc");
            assert!(!web_server.sees_end());
            gate.open(1);
            assert_eq!(web_server.ended().await.unwrap_err().kind(), ErrorKind::IncompleteResponse);
            assert_eq!(web_server.answer(2).text(), "waited");
            assert_cut_off(&web_server, 1);
            assert!(web_server.was_reset());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_request_stays_open_until_the_last_abort() {
    let fails = Gate::new();
    let mut web_server = served(&fails, &Gate::new());
    web_server.say([get(1, KEEP, "/wait"), get(2, KEEP, "/bad/panic")].concat()).await;
    fails.open(1);
    web_server.quiet().await;
    assert_cut_off(&web_server, 2);
    web_server.say([abort(2), abort(1)].concat()).await;
    assert_eq!(web_server.ended().await.unwrap_err().kind(), ErrorKind::IncompleteResponse);
    assert_cut_off(&web_server, 2);
    assert!(web_server.answer(1).stdout.is_empty());
}

/// A response with this Content-Length and with `steps` as its body, after its head was written.
async fn declared(length: &'static str, steps: fn() -> Vec<Step>) -> WebServer {
    let gate = Gate::new();
    let held = gate.clone();
    let web_server = serve(handler(move |_| {
        let steps = [Step::Wait(held.clone())].into_iter().chain(steps());
        async move {
            let mut reply: Reply = Response::new(boxed(Scripted::new(steps)));
            reply.headers_mut().insert("content-length", length.parse().unwrap());
            reply
        }
    }));
    web_server.say(get(1, KEEP, "/")).await;
    gate.open(1);
    web_server.quiet().await;
    web_server
}

#[tokio::test(start_paused = true)]
async fn a_body_short_of_its_content_length_is_incomplete() {
    for (length, steps, sent) in [
        ("5", (|| vec![data("some")]) as fn() -> Vec<Step>, "some"),
        ("9", || vec![data("some"), Step::Trailers], "some"),
        ("9", || vec![data("some"), Step::Trailers, data("later")], "some"),
        ("9", || vec![data("some"), Step::Error], "some"),
    ] {
        let mut web_server = declared(length, steps).await;
        assert_eq!(web_server.ended().await.unwrap_err().kind(), ErrorKind::IncompleteResponse);
        assert_cut_off(&web_server, 1);
        assert_eq!(web_server.answers().of(1).header("content-length"), Some(length));
        assert_eq!(web_server.answers().of(1).text(), sent);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_over_its_content_length_is_cut_to_it() {
    let too_long = "the response's body is longer than its Content-Length\n";
    for (length, steps, sent, errors) in [
        ("4", (|| vec![data("some"), data("more")]) as fn() -> Vec<Step>, "some", too_long),
        ("4", || vec![data("so"), data("meMORE")], "some", too_long),
        ("4", || vec![data("someMORE")], "some", too_long),
        ("4", || vec![data("someMORE"), Step::Error], "some", too_long),
        // What comes after the last byte does not matter, and is not awaited.
        ("0", || vec![data("MORE")], "", ""),
        ("4", || vec![data("some"), Step::Hang], "some", ""),
        (
            "4",
            || vec![data("some"), Step::Error],
            "some",
            "the response's body failed: the disk is on fire\n",
        ),
        ("4", || vec![data("some"), Step::Panic], "some", "the handler panicked: the body has a bug\n"),
        ("0", || vec![Step::Hang], "", ""),
    ] {
        quietly();
        let web_server = declared(length, steps).await;
        let answer = web_server.answer(1);
        assert_eq!((answer.text().as_str(), answer.errors().as_str()), (sent, errors), "{length}");
        assert_eq!(answer.header("content-length"), Some(length));
        assert!(!web_server.sees_end(), "the connection goes on");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_at_its_end_has_the_length_0() {
    for (length, lines) in [("7", 1), ("abc", 1), ("0", 0)] {
        let web_server = serve(handler(move |_| async move {
            let mut reply = Response::new(boxed(http_body_util::Empty::new()));
            reply.headers_mut().insert("content-length", length.parse().unwrap());
            reply
        }));
        let answer = web_server.ask(1, get(1, KEEP, "/")).await;
        assert_eq!(answer.head(), "Status: 200 OK\r\ncontent-length: 0\r\n\r\n");
        assert_eq!((answer.text().as_str(), answer.errors().lines().count()), ("", lines), "{length}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_body_with_a_length_is_incomplete() {
    let mut web_server = declared("3", Vec::new).await;
    assert_eq!(web_server.ended().await.unwrap_err().kind(), ErrorKind::IncompleteResponse);
    assert!(web_server.answers().of(1).is_cut_off());
}

#[tokio::test(start_paused = true)]
async fn a_body_of_exactly_its_content_length_is_whole() {
    for steps in [
        (|| vec![data("some")]) as fn() -> Vec<Step>,
        || vec![data("so"), data(""), data("me")],
        || vec![data("some"), data("")],
        || vec![data("some"), Step::Trailers],
    ] {
        let web_server = declared("4", steps).await;
        assert_eq!(web_server.answer(1).text(), "some");
        assert!(!web_server.sees_end());
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_frame_is_no_end_of_the_stream() {
    let web_server = serve(handler(|_| async {
        Response::new(boxed(Scripted::new([data(""), data("a"), data(""), data("b"), data("")])))
    }));
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.text(), "ab");
}

#[tokio::test(start_paused = true)]
async fn an_unsupported_status_is_no_incomplete_response() {
    let mut web_server = serve(handler(|_| async {
        let mut reply = full("");
        *reply.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        reply
    }));
    assert_eq!(web_server.ask(1, get(1, CLOSE, "/")).await.status(), 500);
    web_server.end();
    assert!(web_server.ended().await.is_ok());
}
