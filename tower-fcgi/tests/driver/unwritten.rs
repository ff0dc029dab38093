//! Failures of a response before its first write: it becomes a complete error page, even if its head and some of its body
//! were ready.

use std::time::Duration;

use bytes::Bytes;
use fcgi_core::RecordType;
use http::{Request, Response};
use http_body_util::channel::Channel;
use tower_fcgi::{Config, ErrorKind, Params, RequestBody};

use crate::handlers::{BoxError, Gate, Reply, boxed, full, handler};
use crate::records::{CLOSE, KEEP, abort, end_stdin, get, get_values, head, post};
use crate::responses::Answer;
use crate::scripted::{Scripted, Step, data, quietly};
use crate::web_server::{WebServer, serve, serve_with};

const SECOND: Duration = Duration::from_secs(1);

/// How a body fails in the same turn as its response is returned.
fn fails_at_once() -> Vec<Scripted> {
    vec![
        Scripted::new([Step::Error]),
        Scripted::new([Step::Panic]),
        Scripted::new([data(""), Step::Error]),
        Scripted::new([data("some"), Step::Error]),
        Scripted::new([data("some"), data("more"), Step::Panic]),
        Scripted::new([data(vec![b'x'; 70_000]), data("some"), data(vec![b'y'; 5000]), Step::Error]),
        Scripted::new([data("some")]).exact(5),
        Scripted::new([Step::Trailers]).exact(1),
    ]
}

/// `/3` answers with the third of these, `/wait` never, all others with "good".
fn served() -> WebServer {
    quietly();
    serve(handler(|request| async move {
        match request.uri().path().trim_start_matches('/') {
            "wait" => std::future::pending().await,
            number => match number.parse::<usize>() {
                Ok(number) => Response::new(boxed(fails_at_once().swap_remove(number))),
                Err(_) => full("good"),
            },
        }
    }))
}

fn is_a_500(answer: &Answer) {
    assert_eq!((answer.status(), answer.text().as_str()), (500, "Internal Server Error\n"), "{answer:?}");
    assert_eq!(answer.errors().lines().count(), 1, "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_failure_at_once_is_a_whole_500() {
    for number in 0..fails_at_once().len() {
        let web_server = served();
        let bad = format!("/{number}");
        is_a_500(&web_server.ask(1, get(1, KEEP, &bad)).await);
        assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.text(), "good", "the connection continues");
        // In a task, beside another request.
        web_server.say([get(1, KEEP, "/wait"), get(2, KEEP, &bad)].concat()).await;
        is_a_500(&web_server.answer(2));
        assert_eq!(web_server.ask(3, get(3, KEEP, "/")).await.text(), "good");
        assert!(!web_server.sees_end());
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_at_once_ends_a_connection_in_good_order() {
    for number in 0..fails_at_once().len() {
        let mut web_server = served();
        web_server.say(get(1, CLOSE, &format!("/{number}"))).await;
        is_a_500(&web_server.answer(1));
        web_server.end();
        assert!(web_server.ended().await.is_ok());
        assert!(!web_server.was_reset());
    }
}

/// `/head` waits for the gate with its body, `/empty` after an empty frame, `/frame` after its first frame; then each fails.
/// `/good` answers.
fn waiting(gate: &Gate, config: Config) -> WebServer {
    quietly();
    let held = gate.clone();
    serve_with(
        config,
        handler(move |request| {
            let wait = Step::Wait(held.clone());
            async move {
                match request.uri().path() {
                    "/head" => Response::new(boxed(Scripted::new([wait, Step::Error]))),
                    "/empty" => Response::new(boxed(Scripted::new([data(""), wait, Step::Panic]))),
                    "/frame" => Response::new(boxed(Scripted::new([data("some"), wait, Step::Error]))),
                    _ => full("good"),
                }
            }
        }),
    )
}

#[tokio::test(start_paused = true)]
async fn a_head_does_not_wait_for_the_first_frame() {
    for (path, text) in [("/head", ""), ("/empty", ""), ("/frame", "some")] {
        let gate = Gate::new();
        let mut web_server = waiting(&gate, Config::default());
        web_server.say(get(1, KEEP, path)).await;
        let answers = web_server.answers();
        assert_eq!((answers.of(1).status(), answers.of(1).text().as_str()), (200, text), "{path}");
        gate.open(1);
        assert_eq!(web_server.ended().await.unwrap_err().kind(), ErrorKind::IncompleteResponse, "{path}");
        let answers = web_server.answers();
        assert!(answers.of(1).is_cut_off() && answers.of(1).status() == 200, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_transport_did_not_take_is_taken_back() {
    for path in ["/head", "/frame"] {
        for ids in [&[1][..], &[2, 1]] {
            let gate = Gate::new();
            let web_server = waiting(&gate, Config::default());
            web_server.wire.make_room(0);
            web_server.say(ids.iter().flat_map(|id| get(*id, KEEP, path)).collect::<Vec<_>>()).await;
            // All responses meanwhile are queued behind it.
            web_server.say([get_values(&["FCGI_MPXS_CONNS"]), get(3, KEEP, "/good")].concat()).await;
            gate.open(ids.len());
            web_server.quiet().await;
            web_server.wire.make_room(usize::MAX);
            web_server.quiet().await;
            ids.iter().for_each(|id| is_a_500(&web_server.answer(*id)));
            assert_eq!(web_server.answer(3).text(), "good");
            assert_eq!(web_server.answers().values.len(), 1);
            assert_eq!(web_server.ask(1, get(1, KEEP, "/good")).await.text(), "good");
        }
    }
}

/// Writes a line, answers with a chunk, writes another line, and fails.
async fn lines_around_a_piece(request: Request<RequestBody>) -> Reply {
    let stderr = request.extensions().get::<Params>().and_then(Params::stderr).unwrap();
    stderr.write("before").await.unwrap();
    let (mut sender, body) = Channel::<Bytes, BoxError>::new(1);
    tokio::spawn(async move {
        sender.send_data("some".into()).await.unwrap();
        stderr.write("behind").await.unwrap();
        sender.abort("the disk is on fire".into());
    });
    Response::new(boxed(body))
}

#[tokio::test(start_paused = true)]
async fn stderr_keeps_its_order_around_an_error_page() {
    use RecordType as Is;
    for ids in [&[1][..], &[2, 1]] {
        let web_server = serve(handler(lines_around_a_piece));
        web_server.wire.make_room(0);
        web_server.say(ids.iter().flat_map(|id| get(*id, KEEP, "/")).collect::<Vec<_>>()).await;
        web_server.wire.make_room(usize::MAX);
        web_server.quiet().await;
        for id in ids {
            let answer = web_server.answer(*id);
            assert_eq!((answer.status(), answer.text().as_str()), (500, "Internal Server Error\n"));
            let reason = "the response's body failed: the disk is on fire";
            assert_eq!(answer.errors(), format!("before\nbehind\n{reason}\n"));
            let order = web_server.answers().order;
            let kinds: Vec<_> = order.iter().filter(|(_, of, _)| of == id).map(|(kind, ..)| *kind).collect();
            let page = [Is::STDERR, Is::STDOUT, Is::STDERR, Is::STDERR, Is::STDOUT, Is::END_REQUEST];
            assert_eq!(kinds, page, "the page replaces the response");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_abort_of_an_unwritten_response_is_its_end() {
    for ids in [&[1][..], &[2, 1]] {
        let web_server = waiting(&Gate::new(), Config::default());
        web_server.wire.make_room(0);
        web_server.say(ids.iter().flat_map(|id| get(*id, KEEP, "/frame")).collect::<Vec<_>>()).await;
        web_server.say(ids.iter().flat_map(|id| abort(*id)).collect::<Vec<_>>()).await;
        web_server.wire.make_room(usize::MAX);
        web_server.quiet().await;
        ids.iter().for_each(|id| assert!(web_server.answer(*id).stdout.is_empty()));
        assert_eq!(web_server.ask(1, get(1, KEEP, "/good")).await.text(), "good", "the connection is kept");
    }
}

#[tokio::test(start_paused = true)]
async fn a_time_limit_over_an_unwritten_response_is_a_503() {
    let config = Config::default().with_request_timeout(5 * SECOND);
    let web_server = waiting(&Gate::new(), config);
    web_server.wire.make_room(0);
    web_server
        .say([head(1, KEEP, "HEAD", "/good", &[]), end_stdin(1), get(2, KEEP, "/frame")].concat())
        .await;
    tokio::time::sleep(6 * SECOND).await;
    web_server.wire.make_room(usize::MAX);
    web_server.quiet().await;
    assert_eq!(web_server.answer(1).status(), 200);
    assert_eq!(web_server.answer(2).status(), 503);
    assert_eq!(web_server.ask(1, get(1, KEEP, "/good")).await.text(), "good");
}

#[tokio::test(start_paused = true)]
async fn an_immediate_failure_skips_its_request_body() {
    let web_server = served();
    is_a_500(&web_server.ask(1, post(1, KEEP, "/3", 3)).await);
    web_server.say([crate::records::stdin(1, b"abc"), end_stdin(1)].concat()).await;
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.text(), "good");
}
