//! stdout and stderr, and what waits for either.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::channel::Channel;
use tokio::io::{AsyncReadExt as _, BufWriter};
use tower_fcgi::{CgiStdio, Config, Params, RequestBody, Stderr, StderrClosed, serve_cgi};

use crate::program::{environment, handler, run};

fn stderr(request: &Request<RequestBody>) -> Stderr {
    request.extensions().get::<Params>().unwrap().stderr().unwrap()
}

#[tokio::test]
async fn lines_of_the_handler_go_to_stderr() {
    let service = handler(async |request| {
        stderr(&request).write("first").await.unwrap();
        stderr(&request).write("second").await.unwrap();
        "hello".to_owned()
    });
    let run = run(environment("GET", &[]), tokio::io::empty(), service).await;
    run.result.unwrap();
    assert!(run.stdout.ends_with("\r\n\r\nhello"));
    assert_eq!(run.stderr, "first\nsecond\n");
}

#[tokio::test]
async fn a_stderr_that_is_closed_keeps_no_answer_back() {
    let service = handler(async |request| {
        stderr(&request).write("to nobody").await.unwrap();
        "hello".to_owned()
    });
    let (closed, _) = tokio::io::duplex(1);
    let mut stdout = Vec::new();
    let io = CgiStdio { stdin: tokio::io::empty(), stdout: &mut stdout, stderr: closed };
    serve_cgi(environment("GET", &[]), io, Config::default(), service).await.unwrap();
    assert!(stdout.ends_with(b"hello"));
}

#[tokio::test]
async fn a_line_to_a_program_that_was_dropped_is_an_error() {
    let (told, kept) = tokio::sync::oneshot::channel();
    let told = std::sync::Arc::new(std::sync::Mutex::new(Some(told)));
    let service = handler(move |request| {
        let _ = told.lock().unwrap().take().unwrap().send(stderr(&request));
        std::future::pending()
    });
    let io = CgiStdio { stdin: tokio::io::empty(), stdout: Vec::new(), stderr: Vec::new() };
    let program = tokio::spawn(serve_cgi(environment("GET", &[]), io, Config::default(), service));
    let stderr = kept.await.unwrap();
    program.abort();
    assert!(program.await.unwrap_err().is_cancelled());
    assert_eq!(stderr.write("late").await, Err(StderrClosed));
}

#[tokio::test]
async fn each_frame_is_written_at_once() {
    let (mut frames, body) = Channel::<Bytes>::new(1);
    let body = std::sync::Arc::new(std::sync::Mutex::new(Some(body)));
    let service = tower::service_fn(move |_| {
        let body = body.lock().unwrap().take().unwrap();
        async { Ok::<_, Infallible>(Response::new(body)) }
    });
    let (stdout, mut from_stdout) = tokio::io::duplex(1024);
    let io = CgiStdio { stdin: tokio::io::empty(), stdout, stderr: tokio::io::sink() };
    let program = tokio::spawn(serve_cgi(environment("GET", &[]), io, Config::default(), service));
    let mut head = [0; 18];
    from_stdout.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"Status: 200 OK\r\n\r\n");
    for event in ["first", "later"] {
        frames.send_data(event.into()).await.unwrap();
        let mut frame = [0; 5];
        from_stdout.read_exact(&mut frame).await.unwrap();
        assert_eq!(frame, event.as_bytes());
    }
    drop(frames);
    program.await.unwrap().unwrap();
    assert_eq!(from_stdout.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_slow_reader_holds_the_body_back() {
    let (mut frames, body) = Channel::<Bytes>::new(1);
    let body = std::sync::Arc::new(std::sync::Mutex::new(Some(body)));
    let service = tower::service_fn(move |_| {
        let body = body.lock().unwrap().take().unwrap();
        async { Ok::<_, Infallible>(Response::new(body)) }
    });
    let (stdout, mut from_stdout) = tokio::io::duplex(1024);
    let io = CgiStdio { stdin: tokio::io::empty(), stdout, stderr: tokio::io::sink() };
    let program = tokio::spawn(serve_cgi(environment("GET", &[]), io, Config::default(), service));
    let frame = Bytes::from(vec![b'x'; 64 * 1024]);
    let mut sent = 0;
    // Ends when the program's output is full, since nothing is read.
    for _ in 0..100 {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        sent += usize::from(frames.try_send(http_body::Frame::data(frame.clone())).is_ok());
    }
    assert!((4..=7).contains(&sent), "{sent}");
    let reading = tokio::spawn(async move {
        let mut answer = Vec::new();
        from_stdout.read_to_end(&mut answer).await.map(|_| answer.len())
    });
    frames.send_data(frame.clone()).await.unwrap();
    drop(frames);
    program.await.unwrap().unwrap();
    assert_eq!(reading.await.unwrap().unwrap(), 18 + (sent + 1) * frame.len());
}

#[tokio::test]
async fn what_the_writer_holds_back_is_flushed() {
    let mut stdout = BufWriter::new(Vec::new());
    let io = CgiStdio { stdin: tokio::io::empty(), stdout: &mut stdout, stderr: tokio::io::sink() };
    serve_cgi(environment("GET", &[]), io, Config::default(), handler(async |_| "hello".to_owned()))
        .await
        .unwrap();
    assert!(stdout.get_ref().ends_with(b"hello"));
}
