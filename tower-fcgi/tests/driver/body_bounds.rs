//! Limits of a body's size and stalls, and of a request's duration.

use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokio::time::sleep;
use tower_fcgi::{BodyErrorKind, Config, ErrorKind, Params, RequestBody};

use crate::handlers::{Count, Gate, Reply, boxed, echo, full, handler, read};
use crate::records::{CLOSE, KEEP, end_stdin, get, head, post, stdin};
use crate::scripted::{Scripted, Step, data};
use crate::web_server::{serve, serve_with};

const SECOND: Duration = Duration::from_secs(1);

/// The head of a POST without a length.
fn upload(id: u16, uri: &str) -> Vec<u8> {
    head(id, KEEP, "POST", uri, &[("CONTENT_LENGTH", "")])
}

/// Answers `/early` before it reads the body to its end, and then how that ended; reads first otherwise.
async fn reads(request: Request<RequestBody>) -> Reply {
    if request.uri().path() != "/early" {
        return echo(request).await;
    }
    let (sender, body) = http_body_util::channel::Channel::new(2);
    let mut sender: http_body_util::channel::Sender<_, crate::handlers::BoxError> = sender;
    tokio::spawn(async move {
        sender.send_data("reading, ".into()).await.unwrap();
        let text = match read(request.into_body()).await {
            Ok(body) => format!("{} bytes", body.len()),
            Err(error) => error.to_string(),
        };
        sender.send_data(text.into()).await.unwrap();
    });
    Response::new(boxed(body))
}

#[tokio::test(start_paused = true)]
async fn a_length_over_the_limit_is_a_413_before_any_call() {
    let calls = Count::default();
    let count = calls.clone();
    let service = handler(move |request| {
        count.add();
        echo(request)
    });
    let web_server = serve_with(Config::default().with_max_body_bytes(10), service);
    let answer =
        web_server.ask(1, [post(1, KEEP, "/", 11), stdin(1, &[b'x'; 11]), end_stdin(1)].concat()).await;
    assert_eq!((answer.status(), calls.now()), (413, 0));
    assert_eq!(answer.errors(), "");
    let answer =
        web_server.ask(1, [post(1, KEEP, "/", 10), stdin(1, &[b'x'; 10]), end_stdin(1)].concat()).await;
    assert_eq!((answer.status(), calls.now()), (200, 1), "exactly the limit");
}

#[tokio::test(start_paused = true)]
async fn a_body_growing_over_the_limit_is_a_413_or_an_error() {
    let web_server = serve_with(Config::default().with_max_body_bytes(10), handler(reads));
    // The whole body with the head.
    let answer = web_server.ask(1, [upload(1, "/"), stdin(1, &[b'x'; 11]), end_stdin(1)].concat()).await;
    assert_eq!(answer.status(), 413);
    // In packets, the last one with the end or without.
    for end in [end_stdin(1), Vec::new()] {
        web_server.forget();
        web_server.say([upload(1, "/"), stdin(1, &[b'x'; 6])].concat()).await;
        assert!(!web_server.answers().has(1));
        web_server.say([stdin(1, &[b'x'; 5]), end.clone()].concat()).await;
        assert_eq!(web_server.answer(1).status(), 413);
        if end.is_empty() {
            web_server.say([stdin(1, &[b'x'; 50_000]), end_stdin(1)].concat()).await;
        }
    }
    web_server.forget();
    web_server.say([upload(1, "/early"), stdin(1, &[b'x'; 6])].concat()).await;
    web_server.say(stdin(1, &[b'x'; 5])).await;
    let answer = web_server.answer(1);
    assert_eq!(answer.text(), "reading, the request's body is larger than the limit");
    web_server.say([stdin(1, &[b'x'; 50_000]), end_stdin(1)].concat()).await;
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.text(), "GET / ");
}

#[tokio::test(start_paused = true)]
async fn a_stalled_body_is_a_408_and_each_byte_resets_it() {
    let web_server = serve_with(Config::default().with_body_read_timeout(Some(10 * SECOND)), handler(reads));
    web_server.say(post(1, KEEP, "/", 100)).await;
    for _ in 0..5 {
        sleep(9 * SECOND).await;
        web_server.say(stdin(1, b"x")).await;
        assert!(!web_server.answers().has(1));
    }
    sleep(9 * SECOND).await;
    assert!(!web_server.answers().has(1));
    sleep(SECOND).await;
    let answer = web_server.answer(1);
    assert_eq!(answer.status(), 408);
    assert_eq!(answer.errors(), "");
    web_server.say([stdin(1, b"late"), end_stdin(1)].concat()).await;
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.text(), "GET / ");
}

#[tokio::test(start_paused = true)]
async fn a_stalled_body_after_the_head_fails_its_reader() {
    let gate = Gate::new();
    let held = gate.clone();
    let web_server = serve(handler(move |request: Request<RequestBody>| {
        let gate = held.clone();
        async move {
            if request.uri().path() == "/early" {
                return reads(request).await;
            }
            gate.pass().await;
            let error = request.into_body().collect().await.unwrap_err();
            full(if error.kind() == BodyErrorKind::ReadTimeout { "stalled" } else { "another error" })
        }
    }));
    web_server.say([post(1, KEEP, "/", 100), post(2, KEEP, "/early", 100)].concat()).await;
    sleep(121 * SECOND).await;
    let answer = web_server.answer(2);
    assert_eq!(
        answer.text(),
        "reading, the request's body timed out: the web server sent nothing of it for too long"
    );
    assert!(!web_server.answers().has(1), "its handler is busy with something else");
    gate.open(1);
    web_server.quiet().await;
    assert_eq!(web_server.answer(1).text(), "stalled");
}

#[tokio::test(start_paused = true)]
async fn each_of_several_bodies_has_a_time_of_its_own() {
    let web_server = serve_with(Config::default().with_body_read_timeout(Some(10 * SECOND)), handler(echo));
    web_server.say([post(1, KEEP, "/", 100), post(2, KEEP, "/", 100)].concat()).await;
    for _ in 0..4 {
        sleep(4 * SECOND).await;
        web_server.say(stdin(2, b"x")).await;
    }
    assert_eq!(web_server.answer(1).status(), 408);
    assert!(!web_server.answers().has(2));
}

#[tokio::test(start_paused = true)]
async fn a_body_has_all_the_time_if_it_is_told_so() {
    let web_server = serve_with(Config::default().with_body_read_timeout(None), handler(echo));
    web_server.say(post(1, KEEP, "/", 1)).await;
    sleep(100_000 * SECOND).await;
    assert_eq!(web_server.ask(1, [stdin(1, b"x"), end_stdin(1)].concat()).await.text(), "POST / x");
}

#[tokio::test(start_paused = true)]
async fn request_timeout_is_a_503_or_an_incomplete_response() {
    let dropped = Count::default();
    let count = dropped.clone();
    let mut web_server = serve_with(
        Config::default().with_request_timeout(10 * SECOND),
        handler(move |request: Request<RequestBody>| {
            let guard = count.on_drop();
            async move {
                if request.uri().path() == "/streams" {
                    let steps = [data("some"), Step::Hang];
                    return Response::new(boxed(Scripted::new(steps).keep((request, guard))));
                }
                let _guard = guard;
                std::future::pending().await
            }
        }),
    );
    web_server.say(get(1, KEEP, "/")).await;
    sleep(5 * SECOND).await;
    web_server.say(get(2, KEEP, "/")).await;
    sleep(4 * SECOND).await;
    assert!(!web_server.answers().has(1));
    sleep(SECOND).await;
    assert_eq!((web_server.answer(1).status(), dropped.now()), (503, 1));
    assert!(!web_server.answers().has(2), "five seconds remain");
    sleep(5 * SECOND).await;
    assert_eq!((web_server.answer(2).status(), dropped.now()), (503, 2));
    web_server.say(get(3, CLOSE, "/streams")).await;
    assert_eq!(web_server.ended().await.unwrap_err().kind(), ErrorKind::IncompleteResponse);
    assert!(web_server.answers().of(3).is_cut_off());
    assert_eq!(dropped.now(), 3);
}

#[tokio::test(start_paused = true)]
async fn error_text_does_not_begin_a_response() {
    let service = handler(async |request: Request<RequestBody>| {
        if let Some(stderr) = request.extensions().get::<Params>().and_then(Params::stderr) {
            stderr.write("a note").await.unwrap();
        }
        echo(request).await
    });
    let web_server = serve_with(Config::default().with_body_read_timeout(Some(10 * SECOND)), service);
    // The second one runs in a task.
    web_server.say([post(1, KEEP, "/", 100), post(2, KEEP, "/", 100)].concat()).await;
    sleep(10 * SECOND).await;
    for id in [1, 2] {
        let answer = web_server.answer(id);
        assert_eq!((answer.status(), answer.errors().as_str()), (408, "a note\n"), "{id}");
    }
}
