//! The service's `poll_ready`: it is called after the head was checked.

use std::cell::Cell;
use std::future::{Ready, ready};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout};
use tower::Service;
use tower::limit::{ConcurrencyLimit, RateLimit, rate::Rate};
use tower::load_shed::LoadShed;
use tower_fcgi::{CgiStdio, Config, Params, RequestBody, RequestTarget, serve_cgi};

use crate::program::{environment, handler, run};

const SECOND: Duration = Duration::from_secs(1);

/// Neither `Clone` nor `Send`. Counts its `poll_ready` in a cell, and has a scripted result for the second one.
struct Moody {
    asked: Rc<Cell<usize>>,
    then: fn() -> Poll<Result<(), &'static str>>,
}

impl Service<Request<RequestBody>> for Moody {
    type Response = Response<String>;
    type Error = &'static str;
    type Future = Ready<Result<Response<String>, &'static str>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        self.asked.set(self.asked.get() + 1);
        if self.asked.get() > 1 {
            return (self.then)();
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&mut self, _: Request<RequestBody>) -> Self::Future {
        assert!(self.asked.get() > 1, "called before it was ready");
        ready(Ok(Response::new("called".to_owned())))
    }
}

fn moody(then: fn() -> Poll<Result<(), &'static str>>) -> (Moody, Rc<Cell<usize>>) {
    let asked = Rc::default();
    (Moody { asked: Rc::clone(&asked), then }, asked)
}

#[tokio::test]
async fn a_program_needs_neither_clone_nor_send() {
    let (service, asked) = moody(|| Poll::Ready(Ok(())));
    let run = run(environment("GET", &[]), tokio::io::empty(), service).await;
    run.result.unwrap();
    assert!(run.stdout.ends_with("\r\n\r\ncalled"), "{}", run.stdout);
    assert_eq!(asked.get(), 2);
}

#[tokio::test]
async fn readiness_that_fails_late_is_a_503() {
    let (service, _) = moody(|| Poll::Ready(Err("closed for today")));
    let run = run(environment("GET", &[]), tokio::io::empty(), service).await;
    run.result.unwrap();
    assert!(run.stdout.starts_with("Status: 503 Service Unavailable\r\n"), "{}", run.stdout);
    assert_eq!(run.stderr, "the service is not ready: closed for today\n");
}

#[tokio::test]
async fn a_panic_in_poll_ready_is_a_500() {
    std::panic::set_hook(Box::new(|_| {}));
    let (service, _) = moody(|| panic!("a bug"));
    let run = run(environment("GET", &[]), tokio::io::empty(), service).await;
    run.result.unwrap();
    assert!(run.stdout.starts_with("Status: 500 "), "{}", run.stdout);
    assert_eq!(run.stderr, "the handler panicked: a bug\n");
}

#[tokio::test(start_paused = true)]
async fn a_rejected_request_waits_for_no_service() {
    let long = format!("/app/{}", "x".repeat(70_000));
    for (method, uri, status) in [("G E T", "/app", "400"), ("GET", "/other", "404"), ("GET", &long, "414")] {
        let params: Params = [("REQUEST_METHOD", method), ("REQUEST_URI", uri)].into_iter().collect();
        let (service, asked) = moody(|| Poll::Pending);
        let (mut stdout, stderr) = (Vec::new(), tokio::io::sink());
        let io = CgiStdio { stdin: tokio::io::empty(), stdout: &mut stdout, stderr };
        let config = Config::default().with_request_target(RequestTarget::StripPrefix("/app".to_owned()));
        timeout(SECOND, serve_cgi(params, io, config, service)).await.expect("readiness wait").unwrap();
        assert!(stdout.starts_with(format!("Status: {status} ").as_bytes()), "{uri}");
        assert_eq!(asked.get(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn readiness_that_never_comes_is_not_ended() {
    let (service, asked) = moody(|| Poll::Pending);
    let config = Config::default().with_request_timeout(SECOND);
    let mut stdout = Vec::new();
    let io = CgiStdio { stdin: tokio::io::empty(), stdout: &mut stdout, stderr: tokio::io::sink() };
    let served = timeout(1_000_000 * SECOND, serve_cgi(environment("GET", &[]), io, config, service)).await;
    assert!(served.is_err(), "only the web server limits this wait");
    assert!(asked.get() > 1);
    assert_eq!(Rc::strong_count(&asked), 1, "the service is dropped with the future");
    assert!(stdout.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_permit_is_waited_for_and_the_body_with_it() {
    let echo = handler(async |request| {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    });
    let mut limited = ConcurrencyLimit::new(echo, 1);
    std::future::poll_fn(|cx| limited.poll_ready(cx)).await.unwrap();
    let waits = limited.clone();
    let post = || environment("POST", &[("CONTENT_LENGTH", "3")]);
    let shed = run(post(), &b"abc"[..], LoadShed::new(limited.clone())).await;
    assert!(shed.stderr.contains("overloaded"), "{}", shed.stderr);
    let free = async {
        tokio::time::sleep(100 * SECOND).await;
        drop(limited);
    };
    let (run, ()) = tokio::join!(run(post(), &b"abc"[..], waits), free);
    assert!(run.stdout.ends_with("\r\n\r\nabc"), "{}", run.stdout);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_needs_no_buffer() {
    let start = Instant::now();
    let mut limited = RateLimit::new(handler(async |_| "served".to_owned()), Rate::new(1, 100 * SECOND));
    for _ in 0..2 {
        let run = run(environment("GET", &[]), tokio::io::empty(), &mut limited).await;
        assert!(run.stdout.ends_with("served"), "{}", run.stdout);
    }
    assert!(start.elapsed() >= 100 * SECOND);
}
