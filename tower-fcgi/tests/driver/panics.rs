//! Panics, and errors before the head: a 500 for that request alone.

use http::{Request, Response};
use tower_fcgi::RequestBody;

use crate::handlers::{Body, BoxError, Count, Gate, boxed, full, handler};
use crate::records::{KEEP, abort, end_stdin, get, head, post};
use crate::scripted::{DropsBadly, PanicsWhenDropped, Scripted, Step, data, quietly};
use crate::web_server::{WebServer, serve};

/// Asserts that the request gets a complete 500 with the reason on STDERR only, inline and in a task, and that the
/// connection goes on.
async fn is_a_500(web_server: &WebServer, reason: &str) {
    quietly();
    web_server.forget();
    web_server.say([get(1, KEEP, "/wait"), get(2, KEEP, "/bad")].concat()).await;
    let spawned = web_server.answer(2);
    web_server.say(abort(1)).await;
    let inline = web_server.ask(2, get(2, KEEP, "/bad")).await;
    for answer in [spawned, inline] {
        assert_eq!(answer.status(), 500);
        assert_eq!(answer.text(), "Internal Server Error\n");
        assert!(answer.errors().contains(reason), "{answer:?}");
        assert!(answer.errors().ends_with('\n'));
        assert!(!String::from_utf8_lossy(&answer.stdout).contains(reason), "{answer:?}");
    }
    assert_eq!(web_server.ask(3, get(3, KEEP, "/good")).await.text(), "good");
}

/// Serves `/bad` with `bad`.
fn serve_bad(bad: impl Fn() -> Response<Body> + Clone + Send + 'static) -> WebServer {
    serve(handler(move |request| {
        let bad = bad.clone();
        async move {
            match request.uri().path() {
                "/wait" => std::future::pending().await,
                "/bad" => bad(),
                _ => full("good"),
            }
        }
    }))
}

#[tokio::test(start_paused = true)]
async fn a_handler_panic_is_a_500_with_details_on_stderr() {
    is_a_500(&serve_bad(|| panic!("the handler has a bug")), "the handler has a bug").await;
}

#[tokio::test(start_paused = true)]
async fn a_formatted_panic_is_a_500_with_its_message() {
    let seven = 7;
    is_a_500(&serve_bad(move || panic!("number {seven} has a bug")), "number 7 has a bug").await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_with_an_opaque_payload_is_still_a_500() {
    is_a_500(&serve_bad(|| std::panic::panic_any(7)), "panicked").await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_payload_that_panics_in_drop_is_still_a_500() {
    is_a_500(&serve_bad(|| std::panic::panic_any(PanicsWhenDropped)), "panicked").await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_call_is_a_500_with_details_on_stderr() {
    let service = handler(|request| {
        let path = request.uri().path().to_owned();
        assert!(path != "/bad", "call has a bug");
        async move { if path == "/wait" { std::future::pending().await } else { full("good") } }
    });
    is_a_500(&serve(service), "call has a bug").await;
}

#[tokio::test(start_paused = true)]
async fn a_service_error_is_a_500_with_its_chain_on_stderr() {
    #[derive(Debug)]
    struct Outer(BoxError);
    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("no answer")
        }
    }
    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&*self.0)
        }
    }
    let service = tower::service_fn(|request: Request<RequestBody>| async move {
        match request.uri().path() {
            "/wait" => std::future::pending().await,
            "/bad" => Err(Outer("the database is asleep".into())),
            _ => Ok(full("good")),
        }
    });
    is_a_500(&serve(service), "no answer: the database is asleep").await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_bodys_first_poll_is_a_500() {
    is_a_500(&serve_bad(|| Response::new(boxed(Scripted::new([Step::Panic])))), "the body has a bug").await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_dropping_an_aborted_future_is_one_end() {
    quietly();
    let web_server = serve(handler(|request| async move {
        if request.uri() == "/good" {
            return full("good");
        }
        let _bad = PanicsWhenDropped;
        std::future::pending().await
    }));
    // The connection drops the first handler, its task drops the second.
    web_server.say([get(1, KEEP, "/"), get(2, KEEP, "/")].concat()).await;
    web_server.say([abort(1), abort(2)].concat()).await;
    for id in [1, 2] {
        assert!(web_server.answer(id).stdout.is_empty());
    }
    assert_eq!(web_server.ask(1, get(1, KEEP, "/good")).await.text(), "good");
}

#[tokio::test(start_paused = true)]
async fn a_panic_dropping_a_ready_future_leaves_one_head() {
    quietly();
    let service = tower::service_fn(|request: Request<RequestBody>| DropsBadly {
        future: Box::pin(async move {
            let body = Scripted::new(if request.uri() == "/now" { vec![] } else { vec![data("body")] });
            Ok::<_, BoxError>(Response::new(boxed(body)))
        }),
        _bad: PanicsWhenDropped,
    });
    for path in ["/now", "/"] {
        let web_server = serve_of_drop(&service, path).await;
        assert_eq!(heads(&web_server), 1, "{path}: {:?}", web_server.answers());
    }
}

async fn serve_of_drop<S>(service: &S, path: &str) -> WebServer
where
    S: tower_fcgi::FcgiService,
{
    let web_server = serve(service.clone());
    web_server.say(get(1, KEEP, path)).await;
    web_server
}

/// The number of CGI heads in the response to request 1.
fn heads(web_server: &WebServer) -> usize {
    String::from_utf8_lossy(&web_server.answers().of(1).stdout).matches("Status: ").count()
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_drop_of_a_body_leaves_one_head() {
    quietly();
    for (method, status, steps) in
        [("HEAD", 200, 1), ("GET", 204, 1), ("GET", 304, 0), ("GET", 200, 0), ("GET", 200, 2)]
    {
        let web_server = serve(handler(move |_| async move {
            let steps = (0..steps).map(|_| data("x")).collect::<Vec<_>>();
            let body = boxed(Scripted::new(steps).panics_when_dropped());
            Response::builder().status(status).body(body).unwrap()
        }));
        web_server.say([head(1, KEEP, method, "/", &[]), end_stdin(1)].concat()).await;
        let answers = web_server.answers();
        assert_eq!(heads(&web_server), 1, "{method} {status}: {answers:?}");
        let answer = answers.of(1);
        assert!(answer.head().starts_with(&format!("Status: {status} ")));
        assert!(answer.is_whole() || answer.is_cut_off(), "{answer:?}");
        assert!(answer.errors().contains("drop has a bug"), "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_one_of_many_requests_leaves_the_others() {
    quietly();
    for bad in 1..=3_u16 {
        let gate = Gate::new();
        let dropped = Count::default();
        let (held, count) = (gate.clone(), dropped.clone());
        let web_server = serve(handler(move |request| {
            let (gate, guard) = (held.clone(), count.on_drop());
            async move {
                let _guard = guard;
                gate.pass().await;
                assert!(request.uri() != "/bad", "one has a bug");
                full("good")
            }
        }));
        for id in 1..=3 {
            web_server.say(get(id, KEEP, if id == bad { "/bad" } else { "/" })).await;
        }
        gate.open(3);
        web_server.quiet().await;
        for id in 1..=3 {
            assert_eq!(web_server.answer(id).status(), if id == bad { 500 } else { 200 });
        }
        assert_eq!(dropped.now(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_skips_the_rest_of_its_request_body() {
    quietly();
    let web_server = serve_bad(|| panic!("the handler has a bug"));
    assert_eq!(web_server.ask(1, post(1, KEEP, "/bad", 3)).await.status(), 500);
    web_server.say([crate::records::stdin(1, b"abc"), end_stdin(1)].concat()).await;
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.text(), "good");
}

#[tokio::test(start_paused = true)]
async fn the_500_for_a_head_request_has_no_body() {
    quietly();
    let web_server = serve_bad(|| panic!("the handler has a bug"));
    let answer = web_server.ask(1, [head(1, KEEP, "HEAD", "/bad", &[]), end_stdin(1)].concat()).await;
    assert_eq!((answer.status(), answer.body()), (500, &b""[..]));
}

/// Apache logs a line for each record.
#[tokio::test(start_paused = true)]
async fn a_reason_and_the_end_of_its_line_are_one_record() {
    quietly();
    let web_server = serve_bad(|| panic!("the handler has a bug"));
    let answer = web_server.ask(1, get(1, KEEP, "/bad")).await;
    assert_eq!(answer.errors(), "the handler panicked: the handler has a bug\n");
    let order = web_server.answers().order;
    let stderr = order.iter().filter(|(kind, ..)| *kind == fcgi_core::RecordType::STDERR);
    assert_eq!(stderr.count(), 1, "{order:?}");
}

#[tokio::test(start_paused = true)]
async fn stderr_records_are_at_most_8_kb_and_before_the_end() {
    quietly();
    let long = "has a bug ".repeat(5_000);
    let text = long.clone();
    let web_server = serve_bad(move || panic!("{text}"));
    let answer = web_server.ask(1, get(1, KEEP, "/bad")).await;
    assert_eq!(answer.errors(), format!("the handler panicked: {long}\n"));
    let order = web_server.answers().order;
    let stderr = order.iter().filter(|(kind, ..)| *kind == fcgi_core::RecordType::STDERR);
    assert!(stderr.clone().count() >= 6);
    assert!(stderr.clone().all(|(_, _, len)| (1..=8192).contains(len)), "{order:?}");
    assert_eq!(order.last().unwrap().0, fcgi_core::RecordType::END_REQUEST);
}

#[tokio::test(start_paused = true)]
async fn a_stderr_flood_with_a_slow_reader_never_deadlocks() {
    quietly();
    let text = "it has a bug ".repeat(8_000);
    let web_server = serve_bad(move || panic!("{text}"));
    web_server.wire.make_room(0);
    for id in 1..=20 {
        web_server.say(get(id, KEEP, "/bad")).await;
    }
    for _ in 0..1000 {
        web_server.wire.make_room(3000);
        web_server.quiet().await;
    }
    for id in 1..=20 {
        let answer = web_server.answer(id);
        assert_eq!((answer.status(), answer.stderr.len() / 1000), (500, 104));
    }
}
