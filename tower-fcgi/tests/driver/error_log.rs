//! Loggers in the code of a request.

use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use fcgi_core::RecordType;
use http::{Request, Response};
use http_body::{Body, Frame};
use tower_fcgi::{ErrorLog, RequestBody};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

use crate::handlers::{BoxError, Gate, Reply, boxed, full, handler};
use crate::records::{KEEP, abort, get};
use crate::web_server::serve;

fn log(line: &str) {
    ErrorLog::new().write_all(line.as_bytes()).unwrap();
}

/// A body that logs at every poll.
struct Logging {
    path: String,
    pieces: usize,
}

impl Body for Logging {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(left) = self.pieces.checked_sub(1) else { return Poll::Ready(None) };
        self.pieces = left;
        log(&format!("body {}\n", self.path));
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
    }
}

/// Logs in the call, in the handler before and after a wait, and in the body.
fn everywhere(path: String) -> impl Future<Output = Reply> {
    log(&format!("call {path}\n"));
    async move {
        log(&format!("handler {path}"));
        tokio::task::yield_now().await;
        log(&format!("answers {path}\n"));
        Response::new(boxed(Logging { path, pieces: 2 }))
    }
}

#[tokio::test(start_paused = true)]
async fn log_lines_go_to_their_own_request_after_the_head() {
    let web_server =
        serve(handler(|request: Request<RequestBody>| everywhere(request.uri().path().to_owned())));
    // The second and the third have tasks, if the first has not ended.
    web_server.send([get(1, KEEP, "/a"), get(2, KEEP, "/b"), get(3, KEEP, "/c")].concat());
    web_server.quiet().await;
    let order = web_server.answers().order;
    for (id, path) in [(1, "/a"), (2, "/b"), (3, "/c")] {
        let answer = web_server.answer(id);
        assert!(answer.is_whole());
        assert_eq!(answer.text(), "xx");
        let expected = format!("call {path}\nhandler {path}\nanswers {path}\nbody {path}\nbody {path}\n");
        assert_eq!(answer.errors(), expected);
        let mut kinds = order.iter().filter(|(_, of, _)| *of == id).map(|(kind, ..)| *kind);
        assert_eq!(kinds.next(), Some(RecordType::STDOUT));
        assert_eq!(kinds.next_back(), Some(RecordType::END_REQUEST));
    }
}

#[tokio::test(start_paused = true)]
async fn lines_before_a_panic_follow_the_error_page() {
    let web_server = serve(handler(async |request: Request<RequestBody>| -> Reply {
        log("about to fail");
        if request.uri().path() == "/late" {
            tokio::task::yield_now().await;
        }
        panic!("oh no");
    }));
    for path in ["/", "/late"] {
        let answer = web_server.ask(1, get(1, KEEP, path)).await;
        assert_eq!(answer.status(), 500);
        assert!(answer.errors().starts_with("about to fail\n"), "{}", answer.errors());
        assert!(answer.errors().contains("oh no"), "{}", answer.errors());
        web_server.forget();
    }
}

#[tokio::test(start_paused = true)]
async fn an_aborted_request_leaves_no_lines_to_the_next() {
    let gate = Gate::new();
    let wait = gate.clone();
    let web_server = serve(handler(move |request: Request<RequestBody>| {
        let wait = wait.clone();
        async move {
            if request.uri().path() == "/wait" {
                log("waits");
                wait.pass().await;
            }
            full("done")
        }
    }));
    web_server.say(get(1, KEEP, "/wait")).await;
    web_server.say(abort(1)).await;
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.errors(), "");
    gate.open(1);
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_cut_and_says_how_much() {
    let web_server = serve(handler(async |_| {
        for _ in 0..1000 {
            log(&"x".repeat(999));
        }
        full("done")
    }));
    let errors = web_server.ask(1, get(1, KEEP, "/")).await.errors();
    assert!(errors.len() <= 66_000, "{}", errors.len());
    let kept = errors.lines().filter(|line| line.starts_with('x')).count();
    assert_eq!(errors.lines().last().unwrap(), format!("{} more lines were dropped here", 1000 - kept));
}

#[tokio::test(start_paused = true)]
async fn dropped_lines_are_counted_one_by_one() {
    // All at once; in a buffer that a handler deferred until its head; and in one write.
    let web_server = serve(handler(async |request: Request<RequestBody>| {
        let line = format!("{}\n", "x".repeat(99));
        match request.uri().path() {
            "/late" => {
                for _ in 0..2 {
                    for _ in 0..600 {
                        log(&line);
                    }
                    tokio::task::yield_now().await;
                }
            }
            _ => log(&line.repeat(1200)),
        }
        full("done")
    }));
    for path in ["/late", "/"] {
        let errors = web_server.ask(1, get(1, KEEP, path)).await.errors();
        let kept = errors.lines().filter(|line| line.starts_with('x')).count();
        assert!((600..700).contains(&kept), "{path}: {kept}");
        let last = format!("{} more lines were dropped here", 1200 - kept);
        assert_eq!(errors.lines().last().unwrap(), last, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn tracing_events_become_lines_at_the_set_level() {
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .without_time()
        .with_writer(ErrorLog::new)
        .with_filter(LevelFilter::WARN);
    let _default = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    let web_server = serve(handler(async |_| {
        tracing::warn!(user = ?"a\nb", "cache is cold");
        tracing::info!("nothing to see");
        full("done")
    }));
    let errors = web_server.ask(1, get(1, KEEP, "/")).await.errors();
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(errors.contains("WARN") && errors.contains(r#"cache is cold user="a\nb""#), "{errors}");
}
