//! The service's `poll_ready`.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::Request;
use tower_fcgi::{Config, Limits, RequestBody};
use tower_service::Service;

use crate::handlers::{BoxError, Reply, echo};
use crate::records::{CLOSE, KEEP, abort, end_stdin, get, post, stdin};
use crate::scripted::quietly;
use crate::web_server::{WebServer, serve, serve_with};

/// Echoes, in the order in which it is ready.
#[derive(Clone, Default)]
struct Moody {
    mood: Arc<Mutex<Mood>>,
}

#[derive(Default)]
struct Mood {
    /// Calls that it is ready for.
    ready: usize,
    fails: bool,
    panics: bool,
    waker: Option<Waker>,
    /// Targets of its calls.
    calls: Vec<String>,
}

impl Moody {
    fn set(&self, change: impl FnOnce(&mut Mood)) {
        let mut mood = self.mood.lock().unwrap();
        change(&mut mood);
        let waker = mood.waker.take();
        drop(mood);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn calls(&self) -> Vec<String> {
        self.mood.lock().unwrap().calls.clone()
    }
}

impl Service<Request<RequestBody>> for Moody {
    type Response = Reply;
    type Error = BoxError;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Reply, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        let mut mood = self.mood.lock().unwrap();
        if mood.fails {
            return Poll::Ready(Err("the pool is empty".into()));
        }
        if mood.panics {
            drop(mood);
            panic!("poll_ready has a bug");
        }
        if mood.ready == 0 {
            mood.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let mut mood = self.mood.lock().unwrap();
        mood.ready = mood.ready.checked_sub(1).expect("a call that was not ready");
        mood.calls.push(request.uri().to_string());
        drop(mood);
        Box::pin(async { Ok(echo(request).await) })
    }
}

fn moody() -> (WebServer, Moody) {
    let service = Moody::default();
    (serve(service.clone()), service)
}

#[tokio::test(start_paused = true)]
async fn while_poll_ready_is_pending_nothing_is_dispatched_and_requests_are_served_in_order_after() {
    let (web_server, service) = moody();
    for id in 1..=5 {
        web_server.say(get(id, KEEP, &format!("/{id}"))).await;
    }
    assert!(service.calls().is_empty());
    service.set(|mood| mood.ready = 2);
    web_server.quiet().await;
    assert_eq!(service.calls(), ["/1", "/2"]);
    assert!(web_server.answer(1).is_whole() && web_server.answer(2).is_whole());
    assert!(!web_server.answers().has(3));
    web_server.say(get(6, KEEP, "/6")).await;
    service.set(|mood| mood.ready = 10);
    web_server.quiet().await;
    assert_eq!(service.calls(), ["/1", "/2", "/3", "/4", "/5", "/6"]);
    assert_eq!(web_server.answer(6).text(), "GET /6 ");
}

#[tokio::test(start_paused = true)]
async fn while_poll_ready_is_pending_abort_is_still_seen() {
    let (web_server, service) = moody();
    web_server.say([get(1, KEEP, "/1"), get(2, KEEP, "/2"), get(3, KEEP, "/3")].concat()).await;
    web_server.say(abort(2)).await;
    assert!(web_server.answer(2).stdout.is_empty());
    service.set(|mood| mood.ready = 10);
    web_server.quiet().await;
    assert_eq!(service.calls(), ["/1", "/3"]);
}

#[tokio::test(start_paused = true)]
async fn while_poll_ready_is_pending_a_body_is_kept_and_the_input_is_held_back_at_the_limit() {
    let mut limits = Limits::default();
    limits.body_bytes = 10_000;
    let service = Moody::default();
    let web_server = serve_with(Config::default().limits(limits), service.clone());
    let body = vec![b'x'; 400_000];
    web_server
        .send_in_packets([post(1, KEEP, "/", body.len()), stdin(1, &body), end_stdin(1)].concat(), 3000);
    web_server.quiet().await;
    assert!(web_server.taken() < 10_000 + 70_000, "{}", web_server.taken());
    service.set(|mood| mood.ready = 1);
    web_server.quiet().await;
    assert_eq!(web_server.answer(1).body().len(), "POST / ".len() + 400_000);
}

#[tokio::test(start_paused = true)]
async fn an_error_of_poll_ready_is_a_503_with_the_reason_on_stderr() {
    let (web_server, service) = moody();
    service.set(|mood| mood.fails = true);
    let answer = web_server.ask(1, get(1, KEEP, "/")).await;
    assert_eq!((answer.status(), answer.text().as_str()), (503, "Service Unavailable\n"));
    assert!(answer.errors().contains("the pool is empty"));
    service.set(|mood| (mood.fails, mood.ready) = (false, 1));
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.text(), "GET / ");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_poll_ready_answers_the_requests_that_waited_for_it() {
    let (mut web_server, service) = moody();
    web_server.say([get(1, KEEP, "/1"), get(2, CLOSE, "/2")].concat()).await;
    service.set(|mood| mood.fails = true);
    web_server.quiet().await;
    assert_eq!(web_server.answer(1).status(), 503);
    assert_eq!(web_server.answer(2).status(), 503);
    web_server.end();
    assert!(web_server.ended().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_poll_ready_is_a_500() {
    quietly();
    let (web_server, service) = moody();
    service.set(|mood| mood.panics = true);
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.status(), 500);
    service.set(|mood| (mood.panics, mood.ready) = (false, 1));
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.text(), "GET / ");
}

#[tokio::test(start_paused = true)]
async fn a_web_server_that_closes_while_poll_ready_is_pending_ends_the_connection() {
    let (mut web_server, service) = moody();
    web_server.say(get(1, KEEP, "/1")).await;
    web_server.end();
    assert!(web_server.ended().await.unwrap_err().is_canceled());
    service.set(|mood| mood.ready = 1);
    assert!(service.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_body_cut_short_by_a_half_close_while_poll_ready_is_pending_is_an_error_never_a_hang() {
    let service = Moody::default();
    let mut web_server = serve_with(Config::default().serve_half_closed(true), service.clone());
    web_server.send([post(1, KEEP, "/", 9), stdin(1, b"abc")].concat());
    web_server.end();
    web_server.quiet().await;
    service.set(|mood| mood.ready = 1);
    let ended = tokio::time::timeout(Duration::from_secs(100), web_server.ended()).await;
    assert!(ended.expect("the handler waits for a body that nobody sends").is_ok());
    assert_eq!(web_server.answer(1).status(), 400);
}
