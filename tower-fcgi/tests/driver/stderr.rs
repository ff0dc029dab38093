//! Handlers' error text on a request's STDERR.

use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use fcgi_core::RecordType;
use http::{Request, Response};
use http_body_util::channel::Channel;
use tokio::time::{sleep, timeout};
use tower_fcgi::{Params, RequestBody, Stderr, StderrClosed};

use crate::handlers::{BoxError, Count, Gate, Reply, boxed, full, handler, read};
use crate::records::{CLOSE, KEEP, abort, end_stdin, get, post, stdin};
use crate::web_server::{WebServer, serve};

/// A write that takes so long hangs.
const HANGS: Duration = Duration::from_secs(3600);

fn stderr(request: &Request<RequestBody>) -> Stderr {
    request.extensions().get::<Params>().and_then(Params::stderr).expect("no STDERR in the request")
}

/// Writes a line before the head, one between the chunks of the body, and one after the last.
async fn before_between_and_after(request: Request<RequestBody>) -> Reply {
    let stderr = stderr(&request);
    stderr.write("before").await.unwrap();
    let (mut sender, body) = Channel::<Bytes, BoxError>::new(1);
    tokio::spawn(async move {
        sender.send_data("one".into()).await.unwrap();
        // The head and the first chunk are being written.
        sleep(Duration::from_millis(1)).await;
        stderr.write("between").await.unwrap();
        sender.send_data("two".into()).await.unwrap();
        sleep(Duration::from_millis(1)).await;
        stderr.write("after").await.unwrap();
    });
    Response::new(boxed(body))
}

#[tokio::test(start_paused = true)]
async fn stderr_lines_keep_their_place_around_stdout() {
    use RecordType as Is;
    let web_server = serve(handler(before_between_and_after));
    let stdout = [Is::STDOUT; 2];
    let inline = [&[Is::STDERR], &stdout[..], &[Is::STDERR, Is::STDOUT, Is::STDERR]].concat();
    // The second request runs in a task.
    for ids in [&[1][..], &[1, 2]] {
        web_server.forget();
        web_server.send(ids.iter().flat_map(|id| get(*id, KEEP, "/")).collect::<Vec<_>>());
        sleep(Duration::from_millis(10)).await;
        let answers = web_server.answers();
        for id in ids {
            let answer = web_server.answer(*id);
            assert_eq!(
                (answer.errors().as_str(), answer.text().as_str()),
                ("before\nbetween\nafter\n", "onetwo")
            );
            let mut kinds: Vec<_> =
                answers.order.iter().filter(|(_, of, _)| of == id).map(|(kind, ..)| *kind).collect();
            assert_eq!(kinds.pop(), Some(Is::END_REQUEST));
            assert_eq!(kinds.pop(), Some(Is::STDOUT), "its end");
            // The head and the first chunk are one record or two.
            kinds.dedup();
            let mut expected = inline.clone();
            expected.dedup();
            assert_eq!(kinds, expected);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_and_the_answer_after_it_leave_in_one_write() {
    let web_server = serve(handler(async |request| {
        stderr(&request).write("said").await.unwrap();
        full("done")
    }));
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.errors(), "said\n");
    let writes = web_server.writes();
    assert!(writes.len() <= 2, "{writes:?}");
}

/// A service that keeps each request's STDERR, waits at `/wait` forever, and reads the body at `/body`.
fn kept() -> (WebServer, Arc<Mutex<Vec<Stderr>>>) {
    let all: Arc<Mutex<Vec<Stderr>>> = Arc::default();
    let list = Arc::clone(&all);
    let web_server = serve(handler(move |request| {
        list.lock().unwrap().push(stderr(&request));
        async move {
            match request.uri().path() {
                "/wait" => std::future::pending().await,
                "/body" => full(read(request.into_body()).await.unwrap_or_default()),
                _ => full("done"),
            }
        }
    }));
    (web_server, all)
}

async fn write(stderr: &Stderr) -> Result<(), StderrClosed> {
    timeout(HANGS, stderr.write("late")).await.expect("a write hangs")
}

#[tokio::test(start_paused = true)]
async fn writing_stderr_after_the_request_is_an_error() {
    for (request, more, then) in [
        (get(1, KEEP, "/"), vec![], "kept"),
        (get(1, CLOSE, "/"), vec![], "closed"),
        (post(1, KEEP, "/", 100), stdin(1, b"some"), "early"),
        (post(1, CLOSE, "/", 100), stdin(1, b"some"), "early, draining"),
        (get(1, KEEP, "/wait"), abort(1), "aborted"),
    ] {
        let (web_server, all) = kept();
        web_server.say(request).await;
        web_server.say(more).await;
        let stderr = all.lock().unwrap()[0].clone();
        assert_eq!(write(&stderr).await, Err(StderrClosed), "{then}");
        web_server.quiet().await;
        assert_eq!(web_server.answers().of(1).errors(), "", "{then}");
    }
}

#[tokio::test(start_paused = true)]
async fn writing_stderr_after_the_connection_is_an_error() {
    for by in [WebServer::end as fn(&WebServer), WebServer::reset, |web_server| web_server.handle.abort()] {
        let (mut web_server, all) = kept();
        web_server.say(get(1, KEEP, "/wait")).await;
        by(&web_server);
        assert!(web_server.ended().await.is_err());
        let stderr = all.lock().unwrap()[0].clone();
        assert_eq!(write(&stderr).await, Err(StderrClosed));
    }
    let (mut web_server, all) = kept();
    web_server.say(get(1, KEEP, "/wait")).await;
    web_server.drop_connection().await;
    let stderr = all.lock().unwrap()[0].clone();
    assert_eq!(write(&stderr).await, Err(StderrClosed));
}

#[tokio::test(start_paused = true)]
async fn a_stale_stderr_never_writes_to_a_reused_id() {
    let (web_server, all) = kept();
    web_server.say(get(1, KEEP, "/")).await;
    web_server.forget();
    web_server.say(get(1, KEEP, "/wait")).await;
    let [old, new] = <[_; 2]>::try_from(all.lock().unwrap().clone()).unwrap();
    assert_eq!(write(&old).await, Err(StderrClosed));
    assert_eq!(write(&new).await, Ok(()));
    web_server.say(abort(1)).await;
    assert_eq!(web_server.answers().of(1).errors(), "late\n");
}

#[tokio::test(start_paused = true)]
async fn a_blocked_stderr_write_fails_with_its_request() {
    let (web_server, all) = kept();
    web_server.say(get(1, KEEP, "/wait")).await;
    let stderr = all.lock().unwrap()[0].clone();
    web_server.wire.make_room(0);
    stderr.write(vec![b'x'; 1 << 20]).await.unwrap();
    let waiting = tokio::spawn(async move { write(&stderr).await });
    web_server.quiet().await;
    assert!(!waiting.is_finished());
    web_server.say(abort(1)).await;
    web_server.wire.make_room(usize::MAX);
    assert_eq!(waiting.await.unwrap(), Err(StderrClosed));
}

#[tokio::test(start_paused = true)]
async fn a_stderr_flood_waits_for_a_slow_web_server() {
    let written = Count::default();
    let count = written.clone();
    let web_server = serve(handler(move |request| {
        let (stderr, count) = (stderr(&request), count.clone());
        async move {
            for _ in 0..10_000 {
                stderr.write(vec![b'x'; 999]).await.unwrap();
                count.add();
            }
            full("done")
        }
    }));
    web_server.wire.make_room(0);
    web_server.say([get(1, KEEP, "/"), get(2, KEEP, "/")].concat()).await;
    let at_first = written.now();
    assert!((1..2000).contains(&at_first), "{at_first} lines were accepted unread");
    web_server.wire.make_room(500_000);
    web_server.quiet().await;
    let then = written.now();
    assert!((at_first + 400..at_first + 600).contains(&then), "{then} after {at_first}");
    web_server.wire.make_room(usize::MAX);
    web_server.quiet().await;
    for id in [1, 2] {
        let answer = web_server.answer(id);
        assert_eq!((answer.stderr.len(), answer.text().as_str()), (10_000_000, "done"));
    }
    let longest = web_server.answers().order.iter().map(|(.., len)| *len).max();
    assert!(longest.unwrap() <= 8192, "{longest:?}");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_stderr_line_is_not_written() {
    let (web_server, all) = kept();
    web_server.say(get(1, KEEP, "/wait")).await;
    let stderr = all.lock().unwrap()[0].clone();
    web_server.wire.make_room(0);
    stderr.write(vec![b'x'; 1 << 20]).await.unwrap();
    assert!(timeout(Duration::from_secs(1), stderr.write("given up")).await.is_err());
    web_server.wire.make_room(usize::MAX);
    stderr.write("kept").await.unwrap();
    web_server.quiet().await;
    let errors = web_server.answers().of(1).errors();
    assert!(errors.ends_with("x\nkept\n"), "{} bytes", errors.len());
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_given_up_lines_hangs_no_later_one() {
    let (web_server, all) = kept();
    web_server.say(get(1, KEEP, "/wait")).await;
    let stderr = all.lock().unwrap()[0].clone();
    web_server.wire.make_room(0);
    stderr.write(vec![b'x'; 1 << 20]).await.unwrap();
    for _ in 0..1000 {
        let mut write = std::pin::pin!(stderr.write(vec![b'y'; 1000]));
        assert!(std::future::poll_fn(|cx| Poll::Ready(write.as_mut().poll(cx).is_pending())).await);
    }
    // One longer than the capacity of the queue.
    let waiting = tokio::spawn({
        let stderr = stderr.clone();
        async move { stderr.write(vec![b'z'; 1 << 20]).await }
    });
    web_server.quiet().await;
    assert!(!waiting.is_finished());
    web_server.wire.make_room(usize::MAX);
    waiting.await.unwrap().unwrap();
    write(&stderr).await.unwrap();
    web_server.quiet().await;
    let errors = web_server.answers().of(1).errors();
    assert!(errors.ends_with("z\nlate\n") && !errors.contains('y'), "{} bytes", errors.len());
}

#[tokio::test(start_paused = true)]
async fn a_waiting_stderr_write_fails_with_its_connection() {
    let (mut web_server, all) = kept();
    web_server.say(get(1, KEEP, "/wait")).await;
    let stderr = all.lock().unwrap()[0].clone();
    web_server.wire.make_room(0);
    stderr.write(vec![b'x'; 1 << 20]).await.unwrap();
    let waiting: Vec<_> = (0..100)
        .map(|_| {
            let stderr = stderr.clone();
            tokio::spawn(async move { stderr.write(vec![b'x'; 10_000]).await })
        })
        .collect();
    web_server.quiet().await;
    web_server.handle.abort();
    assert!(web_server.ended().await.is_err());
    for write in waiting {
        let written = timeout(HANGS, write).await.expect("a write hangs").unwrap();
        assert_eq!(written, Err(StderrClosed));
    }
}

#[tokio::test(start_paused = true)]
async fn lines_and_the_reason_of_a_failure_are_in_order() {
    crate::scripted::quietly();
    let web_server = serve(handler(async |request| {
        stderr(&request).write("about to").await.unwrap();
        panic!("the handler has a bug")
    }));
    let answer = web_server.ask(1, get(1, KEEP, "/")).await;
    assert_eq!(answer.status(), 500);
    assert!(answer.errors().starts_with("about to\nthe handler panicked"), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_failure_reason_follows_the_error_page() {
    use RecordType as Is;
    crate::scripted::quietly();
    let web_server = serve(handler(async |_| panic!("the handler has a bug")));
    web_server.say([get(1, KEEP, "/"), get(2, KEEP, "/")].concat()).await;
    for id in [1, 2] {
        let kinds =
            web_server.answers().order.into_iter().filter(|(_, of, _)| *of == id).map(|(kind, ..)| kind);
        let mut kinds: Vec<_> = kinds.collect();
        kinds.dedup();
        assert_eq!(kinds, [Is::STDOUT, Is::STDERR, Is::STDOUT, Is::END_REQUEST]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_and_stderr_lines_never_block_each_other() {
    let (web_server, all) = kept();
    web_server.say(post(1, KEEP, "/body", 8)).await;
    let stderr = all.lock().unwrap()[0].clone();
    write(&stderr).await.unwrap();
    web_server.say(stdin(1, b"some")).await;
    write(&stderr).await.unwrap();
    web_server.say([stdin(1, b"more"), end_stdin(1)].concat()).await;
    let answer = web_server.answer(1);
    assert_eq!((answer.errors().as_str(), answer.text().as_str()), ("late\nlate\n", "somemore"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_write_to_the_requests_of_one_connection() {
    let gate = Gate::new();
    let held = gate.clone();
    let web_server = serve(handler(move |request| {
        let (stderr, gate) = (stderr(&request), held.clone());
        async move {
            let tasks = (0..4).map(|task| {
                let stderr = stderr.clone();
                tokio::spawn(async move {
                    for line in 0..100 {
                        stderr.write(format!("{task} {line}")).await.unwrap();
                    }
                })
            });
            for task in tasks.collect::<Vec<_>>() {
                task.await.unwrap();
            }
            gate.pass().await;
            full("done")
        }
    }));
    gate.open(8);
    web_server.send((1..=8).flat_map(|id| get(id, KEEP, "/")).collect::<Vec<_>>());
    for _ in 0..10_000 {
        let answers = web_server.answers();
        if answers.list.iter().filter(|answer| answer.end.is_some()).count() == 8 {
            break;
        }
        sleep(Duration::from_millis(1)).await;
    }
    for id in 1..=8 {
        let errors = web_server.answer(id).errors();
        assert_eq!(errors.lines().count(), 400);
        for task in 0..4 {
            let own = errors.lines().filter(|line| line.starts_with(&format!("{task} ")));
            assert!(own.eq((0..100).map(|line| format!("{task} {line}"))), "{task}'s lines in order");
        }
    }
}
