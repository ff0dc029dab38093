//! Responses that cannot be completed.

use std::convert::Infallible;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::channel::Channel;
use tokio::io::AsyncReadExt as _;
use tokio::sync::oneshot;
use tower_fcgi::{CgiStdio, Config, ErrorKind, RequestBody, serve_cgi};

use crate::program::{environment, handler, run};

const WHOLE_500: &str = "Status: 500 Internal Server Error\r\ncontent-type: text/plain; charset=utf-8\r\n\
                         content-length: 22\r\n\r\nInternal Server Error\n";

#[tokio::test]
async fn a_panic_before_the_head_is_a_complete_500() {
    std::panic::set_hook(Box::new(|_| {}));
    let later = run(environment("GET", &[]), tokio::io::empty(), handler(async |_| panic!("a bug"))).await;
    let in_call = tower::service_fn(|_: Request<RequestBody>| -> std::future::Ready<Result<_, Infallible>> {
        if true {
            panic!("a bug");
        }
        std::future::ready(Ok(Response::new(String::new())))
    });
    let in_call = run(environment("GET", &[]), tokio::io::empty(), in_call).await;
    for run in [later, in_call] {
        run.result.unwrap();
        assert_eq!(run.stdout, WHOLE_500);
        assert_eq!(run.stderr, "the handler panicked: a bug\n");
    }
}

#[tokio::test]
async fn a_service_error_or_upgrade_is_a_complete_500() {
    let fails = tower::service_fn(async |_| Err::<Response<String>, _>("no database"));
    let failed = run(environment("GET", &[]), tokio::io::empty(), fails).await;
    failed.result.unwrap();
    assert_eq!(failed.stdout, WHOLE_500);
    assert_eq!(failed.stderr, "the service failed: no database\n");
    let upgrades = tower::service_fn(async |_| {
        Response::builder().status(101).body(String::new()).map_err(|error| error.to_string())
    });
    let upgrade = run(environment("GET", &[]), tokio::io::empty(), upgrades).await;
    upgrade.result.unwrap();
    assert_eq!(upgrade.stdout, WHOLE_500);
}

/// A service whose `poll_ready` fails.
#[derive(Clone)]
struct NotReady;

impl tower::Service<Request<RequestBody>> for NotReady {
    type Response = Response<String>;
    type Error = &'static str;
    type Future = std::future::Pending<Result<Response<String>, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Err("closed for today"))
    }

    fn call(&mut self, _: Request<RequestBody>) -> Self::Future {
        unreachable!()
    }
}

#[tokio::test]
async fn a_service_that_is_not_ready_is_a_503() {
    let run = run(environment("GET", &[]), tokio::io::empty(), NotReady).await;
    run.result.unwrap();
    assert!(run.stdout.starts_with("Status: 503 Service Unavailable\r\n"), "{}", run.stdout);
    assert_eq!(run.stderr, "the service is not ready: closed for today\n");
}

#[tokio::test]
async fn an_incomplete_response_is_an_error_and_stops() {
    let (mut frames, body) = Channel::<Bytes, &'static str>::new(1);
    let body = std::sync::Arc::new(std::sync::Mutex::new(Some(body)));
    let service = tower::service_fn(move |_| {
        let body = body.lock().unwrap().take().unwrap();
        async { Ok::<_, Infallible>(Response::new(body)) }
    });
    let (stdout, mut from_stdout) = tokio::io::duplex(1024);
    let (stderr, mut from_stderr) = tokio::io::duplex(1024);
    let io = CgiStdio { stdin: tokio::io::empty(), stdout, stderr };
    let program = tokio::spawn(serve_cgi(environment("GET", &[]), io, Config::default(), service));
    frames.send_data("some".into()).await.unwrap();
    let mut seen = [0; 22];
    from_stdout.read_exact(&mut seen).await.unwrap();
    assert_eq!(&seen, b"Status: 200 OK\r\n\r\nsome");
    frames.abort("the source is gone");
    assert_eq!(program.await.unwrap().unwrap_err().kind(), ErrorKind::IncompleteResponse);
    assert_eq!(from_stdout.read(&mut [0]).await.unwrap(), 0);
    let mut reason = String::new();
    from_stderr.read_to_string(&mut reason).await.unwrap();
    assert_eq!(reason, "the response's body failed: the source is gone\n");
}

#[tokio::test]
async fn a_failure_before_any_byte_is_a_whole_500() {
    let service = tower::service_fn(async |_| {
        let response = Response::builder().header("content-length", "100").body("short".to_owned());
        response.map_err(|error| error.to_string())
    });
    let run = run(environment("GET", &[]), tokio::io::empty(), service).await;
    run.result.unwrap();
    assert_eq!(run.stdout, WHOLE_500);
    assert_eq!(run.stderr, "the response's body ended 95 bytes short of its Content-Length\n");
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_the_handler() {
    let (_held, dropped) = oneshot::channel::<()>();
    let (mut frames, body) = Channel::<Bytes>::new(1);
    let inside = std::sync::Arc::new(std::sync::Mutex::new(Some((body, _held))));
    let service = tower::service_fn(move |_| {
        let (body, held) = inside.lock().unwrap().take().unwrap();
        let body = http_body_util::BodyExt::map_frame(body, move |frame| {
            let _ = &held;
            frame
        });
        async { Ok::<_, Infallible>(Response::new(body)) }
    });
    let (stdout, mut from_stdout) = tokio::io::duplex(1024);
    let io = CgiStdio { stdin: tokio::io::empty(), stdout, stderr: tokio::io::sink() };
    let program = tokio::spawn(serve_cgi(environment("GET", &[]), io, Config::default(), service));
    from_stdout.read_exact(&mut [0; 18]).await.unwrap();
    drop(from_stdout);
    frames.send_data("for nobody".into()).await.unwrap();
    assert_eq!(program.await.unwrap().unwrap_err().kind(), ErrorKind::Io);
    // The sender was dropped unused, which is this error.
    assert!(dropped.await.is_err());
}
