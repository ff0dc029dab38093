//! The request's body, from stdin.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use http_body_util::BodyExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};

use crate::program::{Service, environment, handler, run};

/// Answers with the body, or with its error.
fn echo() -> Service {
    handler(async |request| match request.into_body().collect().await {
        Ok(body) => String::from_utf8(body.to_bytes().to_vec()).unwrap(),
        Err(error) => format!("error: {error}"),
    })
}

fn body(stdout: &str) -> &str {
    stdout.split_once("\r\n\r\n").unwrap().1
}

/// A stdin that panics when it is read.
struct Untouched;

impl AsyncRead for Untouched {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        panic!("stdin was read");
    }
}

#[tokio::test]
async fn the_body_is_content_length_bytes_without_eof() {
    let (mut web_server, stdin) = tokio::io::duplex(64);
    web_server.write_all(b"hello, and more").await.unwrap();
    let run = run(environment("POST", &[("CONTENT_LENGTH", "5")]), stdin, echo()).await;
    run.result.unwrap();
    assert_eq!(body(&run.stdout), "hello");
    // stdin is still open.
    web_server.shutdown().await.unwrap();
}

#[tokio::test]
async fn nothing_behind_the_body_is_read() {
    let mut stdin = &b"hello, and more"[..];
    run(environment("POST", &[("CONTENT_LENGTH", "5")]), &mut stdin, echo()).await.result.unwrap();
    assert_eq!(stdin, b", and more");
}

#[tokio::test]
async fn a_chunked_body_lasts_until_the_end_of_stdin() {
    let chunked = ("HTTP_TRANSFER_ENCODING", "chunked");
    for (more, expected) in [
        (&[chunked][..], "all of it"),
        (&[chunked, ("CONTENT_LENGTH", "")], "all of it"),
        // CONTENT_LENGTH counts first.
        (&[chunked, ("CONTENT_LENGTH", "3")], "all"),
        (&[chunked, ("CONTENT_LENGTH", "0")], ""),
    ] {
        let run = run(environment("POST", more), &b"all of it"[..], echo()).await;
        run.result.unwrap();
        assert_eq!(body(&run.stdout), expected, "{more:?}");
    }
}

#[tokio::test]
async fn without_a_valid_length_stdin_is_not_read() {
    for more in [&[][..], &[("CONTENT_LENGTH", "")], &[("CONTENT_LENGTH", "-1")], &[("CONTENT_LENGTH", "0")]]
    {
        let run = run(environment("POST", more), Untouched, echo()).await;
        run.result.unwrap();
        assert_eq!(body(&run.stdout), "", "{more:?}");
    }
}

#[tokio::test]
async fn a_short_or_failed_body_is_an_error() {
    let params = || environment("POST", &[("CONTENT_LENGTH", "6")]);
    let short = run(params(), &b"hello"[..], echo()).await;
    assert_eq!(body(&short.stdout), "error: the body is shorter than the length that the web server sent");
    let none = run(params(), tokio::io::empty(), echo()).await;
    assert_eq!(body(&none.stdout), body(&short.stdout));

    struct Broken;
    impl AsyncRead for Broken {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
        }
    }
    let broken = run(params(), b"hello".chain(Broken), echo()).await;
    assert!(body(&broken.stdout).contains("was lost"), "{}", broken.stdout);
}

#[tokio::test]
async fn a_large_body_is_the_same_however_it_comes() {
    let text: String = ('a'..='z').cycle().take(1_000_000).collect();
    let length = text.len().to_string();
    let params = || environment("POST", &[("CONTENT_LENGTH", &length)]);
    let whole = run(params(), text.as_bytes(), echo()).await;
    assert!(body(&whole.stdout) == text);

    let (mut web_server, stdin) = tokio::io::duplex(7);
    let sent = text.clone();
    let writing = tokio::spawn(async move { web_server.write_all(sent.as_bytes()).await });
    let pieces = run(params(), stdin, echo()).await;
    writing.await.unwrap().unwrap();
    assert!(body(&pieces.stdout) == text);
}

/// Returns bytes endlessly, and counts those that were read.
struct Endless(Arc<AtomicUsize>);

impl AsyncRead for Endless {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.0.fetch_add(buf.initialize_unfilled().len(), Ordering::Relaxed);
        buf.advance(buf.remaining());
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn an_unread_body_is_buffered_up_to_a_limit() {
    let read = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&read);
    let service = handler(move |request| {
        let seen = Arc::clone(&seen);
        async move {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            let unread = seen.load(Ordering::Relaxed);
            drop(request);
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            format!("{unread} {}", seen.load(Ordering::Relaxed) - unread)
        }
    });
    let params = environment("POST", &[("CONTENT_LENGTH", "1000000000")]);
    let run = run(params, Endless(Arc::clone(&read)), service).await;
    let (unread, dropped) = body(&run.stdout).split_once(' ').unwrap();
    assert!((1..=320 * 1024).contains(&unread.parse::<usize>().unwrap()), "{unread}");
    assert_eq!(dropped, "0", "it is not read");
}

#[tokio::test]
async fn a_server_that_writes_first_gets_a_large_response() {
    const LEN: usize = 1 << 20;
    let service = handler(async |_| "x".repeat(LEN));
    let (mut to_stdin, stdin) = tokio::io::duplex(1024);
    let (stdout, mut from_stdout) = tokio::io::duplex(1024);
    let length = LEN.to_string();
    let params = environment("POST", &[("CONTENT_LENGTH", &length)]);
    let io = tower_fcgi::CgiStdio { stdin, stdout, stderr: tokio::io::sink() };
    let program = tokio::spawn(tower_fcgi::serve_cgi(params, io, tower_fcgi::Config::default(), service));
    to_stdin.write_all(&vec![b'y'; LEN]).await.unwrap();
    let mut answer = Vec::new();
    from_stdout.read_to_end(&mut answer).await.unwrap();
    program.await.unwrap().unwrap();
    assert!(answer.len() > LEN);
}
