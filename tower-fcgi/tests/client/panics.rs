//! A panic in a caller's code fails only its own request.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use fcgi_core::RecordType;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tower::{Service as _, ServiceExt as _};
use tower_fcgi::client::{Error, ErrorKind};

use crate::loopback::*;
use crate::scripted::{self, Application, complete_response, end, record, stdout, values, with_id};

/// Where a body panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Hint,
    EndStream,
    Frame,
    /// When polled, and when dropped.
    FrameAndDrop,
    /// When dropped after its end.
    Drop,
}

struct Bad(At);

impl HttpBody for Bad {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        assert!(!matches!(self.0, At::Frame | At::FrameAndDrop), "the body has a bug");
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        assert!(self.0 != At::EndStream, "the body has a bug");
        false
    }

    fn size_hint(&self) -> SizeHint {
        assert!(self.0 != At::Hint, "the body has a bug");
        SizeHint::default()
    }
}

impl Drop for Bad {
    fn drop(&mut self) {
        assert!(!matches!(self.0, At::Drop | At::FrameAndDrop), "the body's drop has a bug");
    }
}

/// The result of a request with a bad body that shares a connection with a good one.
async fn beside_another(at: At) -> (Result<String, Error>, Application) {
    let (mut sender, web_server, mut app) = scripted::connect(kept().with_max_concurrent_requests(8));
    let first = sender.call(get("/1"));
    assert_eq!(app.record().await.unwrap().0, RecordType::GET_VALUES);
    app.request().await;
    app.send(values(&[("FCGI_MPXS_CONNS", "1")])).await;
    let second = sender.ready().await.unwrap().call(post("/2", Bad(at).boxed_unsync()));
    let second = tokio::spawn(async move { text(second.await?.into_body()).await });
    match at {
        At::Hint => {}
        At::Drop => {
            app.request().await;
            app.send([with_id(2, stdout("\r\nsecond")), with_id(2, end())].concat()).await;
        }
        At::EndStream | At::Frame | At::FrameAndDrop => app.read_to(RecordType::ABORT_REQUEST).await,
    }
    let second = second.await.unwrap();
    if matches!(at, At::EndStream | At::Frame | At::FrameAndDrop) {
        app.send(with_id(2, end())).await;
    }
    app.send([stdout("\r\nfirst"), end()].concat()).await;
    assert_eq!(text(first.await.unwrap().into_body()).await.unwrap(), "first", "{at:?}");
    let third = sender.ready().await.unwrap().call(get("/3"));
    app.request().await;
    app.send(complete_response("third")).await;
    assert_eq!(text(third.await.unwrap().into_body()).await.unwrap(), "third", "{at:?}");
    assert!(!web_server.is_finished());
    (second, app)
}

#[tokio::test(start_paused = true)]
async fn a_panicking_body_fails_only_its_request() {
    for at in [At::Hint, At::EndStream, At::Frame, At::FrameAndDrop] {
        let (result, _app) = beside_another(at).await;
        let error = result.unwrap_err();
        assert!(
            error.kind() == ErrorKind::RequestPanic && error.is_request_body() && !error.is_incomplete(),
            "{at:?}: {error}"
        );
        assert!(error.to_string().ends_with("panicked: the body has a bug"), "{error}");
    }
    // Its request was complete by then.
    assert_eq!(beside_another(At::Drop).await.0.unwrap(), "second");
}

#[tokio::test(start_paused = true)]
async fn a_panicking_body_aborts_its_request() {
    let (mut sender, web_server, mut app) = scripted::connect(kept());
    let response = sender.call(post("/", Bad(At::Frame).boxed_unsync()));
    assert_eq!(response.await.unwrap_err().kind(), ErrorKind::RequestPanic);
    app.read_to(RecordType::ABORT_REQUEST).await;
    app.send(end()).await;
    assert!(web_server.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_aborted_body_may_panic_in_drop() {
    let (mut sender, web_server, mut app) = scripted::connect(kept().with_max_concurrent_requests(8));
    let first = sender.call(get("/1"));
    assert_eq!(app.record().await.unwrap().0, RecordType::GET_VALUES);
    app.request().await;
    app.send(values(&[("FCGI_MPXS_CONNS", "1")])).await;
    drop(sender.ready().await.unwrap().call(post("/2", Bad(At::Drop).boxed_unsync())));
    app.read_to(RecordType::ABORT_REQUEST).await;
    app.send([with_id(2, end()), stdout("\r\nfirst"), end()].concat()).await;
    assert_eq!(text(first.await.unwrap().into_body()).await.unwrap(), "first");
    // One that the connection does not take any more.
    drop(sender.ready().await.unwrap().call(post("/3", Bad(At::Drop).boxed_unsync())));
    drop(app);
    web_server.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_stderr_handler_may_panic() {
    let config = kept().with_on_stderr(|_| panic!("the log has a bug"));
    let (mut sender, web_server, mut app) = scripted::connect(config);
    let response = sender.call(get("/"));
    app.request().await;
    app.send([record(RecordType::STDERR, b"text"), complete_response("whole")].concat()).await;
    assert_eq!(text(response.await.unwrap().into_body()).await.unwrap(), "whole");
    assert!(!web_server.is_finished());
}
