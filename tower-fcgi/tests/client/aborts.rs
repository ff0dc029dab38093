//! Aborts: the caller drops a future, a body or the sender.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use fcgi_core::RecordType;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance, sleep, timeout};
use tower::{Service as _, ServiceExt as _};
use tower_fcgi::RequestBody;
use tower_fcgi::client;
use tower_fcgi::client::ErrorKind;

use crate::loopback::*;
use crate::scripted::{self, complete_response, end, stdout};

#[tokio::test(start_paused = true)]
async fn dropping_the_future_or_body_aborts_and_closes() {
    for begun in [false, true] {
        let (mut sender, web_server, mut app) = scripted::connect(kept());
        let response = sender.call(get("/"));
        app.request().await;
        if begun {
            app.send(stdout("\r\nbegun")).await;
            drop(response.await.unwrap());
        } else {
            drop(response);
        }
        app.read_to(RecordType::ABORT_REQUEST).await;
        let start = Instant::now();
        app.send([stdout("late"), end()].concat()).await;
        // If the application ended the request before it saw the abort, it may take that for a protocol error.
        assert_eq!(sender.ready().await.unwrap_err().kind(), ErrorKind::Closed);
        web_server.await.unwrap().unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn an_abort_without_an_end_closes() {
    let limit = Duration::from_secs(7);
    let (mut sender, web_server, mut app) = scripted::connect(kept().with_abort_timeout(limit));
    let response = sender.call(get("/"));
    app.request().await;
    sleep(Duration::from_secs(100)).await;
    drop(response);
    let start = Instant::now();
    assert_eq!(sender.ready().await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(start.elapsed().as_secs(), limit.as_secs());
    web_server.await.unwrap().unwrap();
    app.read_to(RecordType::ABORT_REQUEST).await;
    assert_eq!(app.record().await, None);
}

#[tokio::test(start_paused = true)]
async fn our_own_application_drops_the_handler() {
    struct Guard(tokio::sync::mpsc::UnboundedSender<()>);
    impl Drop for Guard {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let (dropped, mut drops) = tokio::sync::mpsc::unbounded_channel();
    let mut ends = connect(kept(), move |request: Request<RequestBody>| {
        let guard = Guard(dropped.clone());
        async move {
            if request.uri() == "/wait" {
                std::future::pending::<()>().await;
            }
            drop(guard);
            Response::new(full("here"))
        }
    });
    let response = ends.sender.call(get("/wait"));
    sleep(Duration::from_millis(1)).await;
    drop(response);
    drops.recv().await.unwrap();
    assert_eq!(ends.sender.ready().await.unwrap_err().kind(), ErrorKind::Closed);
    ends.web_server.await.unwrap().unwrap();
    ends.application.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_sender_may_be_dropped_before_the_response() {
    let (mut sender, web_server, mut app) = scripted::connect(kept());
    let response = sender.call(get("/"));
    drop(sender);
    app.request().await;
    app.send(complete_response("whole")).await;
    assert_eq!(text(response.await.unwrap().into_body()).await.unwrap(), "whole");
    web_server.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_times_out() {
    let limit = Duration::from_secs(4);
    let (mut sender, web_server, mut app) = scripted::connect(kept().with_keep_alive_timeout(limit));
    sleep(Duration::from_secs(3)).await;
    let response = sender.call(get("/"));
    sleep(Duration::from_secs(100)).await;
    app.send(complete_response("late")).await;
    assert_eq!(text(response.await.unwrap().into_body()).await.unwrap(), "late");
    let start = Instant::now();
    web_server.await.unwrap().unwrap();
    assert_eq!(start.elapsed().as_secs(), limit.as_secs());
    assert!(sender.is_closed());
}

#[tokio::test(start_paused = true)]
async fn dropping_a_complete_body_is_no_abort() {
    for (head, bytes) in [("Content-Length: 2\r\n\r\nok", 2), ("Status: 204\r\n\r\n", 0)] {
        let (mut sender, _web_server, mut app) = scripted::connect(kept());
        let response = sender.call(get("/1"));
        app.request().await;
        app.send(stdout(head)).await;
        let mut body = response.await.unwrap().into_body();
        if bytes > 0 {
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "ok");
        }
        drop(body);
        // More than the window: it is dropped, and does not pause input.
        sleep(Duration::from_secs(100)).await;
        app.send(stdout([b'x'; 60_000]).repeat(10)).await;
        app.send(end()).await;
        let response = sender.ready().await.unwrap().call(get("/2"));
        assert_eq!(app.record().await.unwrap().0, RecordType::BEGIN_REQUEST, "not ABORT_REQUEST");
        app.send(complete_response("second")).await;
        assert_eq!(text(response.await.unwrap().into_body()).await.unwrap(), "second");
    }
}

/// An application that never stops sending STDOUT, once it has received a request.
struct Flood {
    began: bool,
    output: Vec<u8>,
}

impl AsyncRead for Flood {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.began {
            return Poll::Pending;
        }
        if self.output.is_empty() {
            self.output = stdout([b'x'; 1000]);
        }
        let len = self.output.len().min(buf.remaining());
        buf.put_slice(&self.output[..len]);
        self.output.drain(..len);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.began = true;
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn an_abort_times_out_while_output_never_stops() {
    let io = Flood { began: false, output: stdout("Status: 200 OK\r\n\r\n") };
    let (mut sender, connection) = client::handshake::<_, Body>(io, kept());
    let mut connection = pin!(connection);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(sender.poll_ready(&mut cx).is_ready());
    let mut response = pin!(sender.call(get("/")));
    let body = (0..100).find_map(|_| {
        let _ = connection.as_mut().poll(&mut cx).is_ready();
        match response.as_mut().poll(&mut cx) {
            Poll::Ready(response) => Some(response.unwrap().into_body()),
            Poll::Pending => None,
        }
    });
    drop(body.expect("a response"));
    assert!(connection.as_mut().poll(&mut cx).is_pending());
    advance(Duration::from_secs(2)).await;
    assert!((0..100).any(|_| connection.as_mut().poll(&mut cx).is_ready()), "it goes on");
}

/// A transport that never completes its shutdown.
struct Unclosed(DuplexStream);

impl AsyncRead for Unclosed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Unclosed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

/// A connection that was answered once, on a transport whose shutdown does not complete.
async fn answered(
    config: client::Config,
) -> (client::SendRequest<Body>, JoinHandle<Result<(), client::Error>>, scripted::Application) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (mut sender, connection) = client::handshake::<_, Body>(Unclosed(ours), config);
    let connection = tokio::spawn(connection);
    let mut app = scripted::Application::new(theirs);
    let response = sender.call(get("/"));
    app.request().await;
    app.send(complete_response("done")).await;
    assert_eq!(text(response.await.unwrap().into_body()).await.unwrap(), "done");
    (sender, connection, app)
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_without_an_end_times_out() {
    let limit = Duration::from_secs(7);
    let config = kept().with_abort_timeout(limit);
    let (sender, connection, _app) = answered(config).await;
    drop(sender);
    let start = Instant::now();
    timeout(Duration::from_secs(3600), connection).await.expect("no limit").unwrap().unwrap();
    assert_eq!(start.elapsed(), limit);
}

#[tokio::test(start_paused = true)]
async fn an_answered_connection_that_is_not_kept_is_dropped_at_once() {
    let config = client::Config::default().with_keep_conn(false).with_abort_timeout(None);
    let (_sender, connection, mut app) = answered(config).await;
    timeout(Duration::from_secs(3600), connection).await.expect("no shutdown is needed").unwrap().unwrap();
    assert!(app.record().await.is_none());
}
