//! Requests whose clients leave while their bodies are collected.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use axum::BoxError;
use axum::body::{Body, Bytes};
use axum::response::Response;
use http_body::{Frame, SizeHint};
use tokio::runtime::Handle;
use tracing::{Instrument as _, Span};

use super::lingering_body::BodyPolled;

pub(super) type BoxedResponse = Pin<Box<dyn Future<Output = Response> + Send>>;

/// The collection of a request's body, before the application is called.
#[derive(Debug)]
pub(super) struct Collection {
    /// A [`Stage`].
    stage: AtomicU8,
    /// The request's span, for the task that goes on without the client.
    span: Span,
}

/// How far the collection of a request's body has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Stage {
    /// The body was not polled.
    NotBegun,
    Collecting,
    /// The client has left. What has arrived of the body is collected; if that is not all, the request is dropped.
    Abandoned,
    /// The body is collected, or the request is not for the application.
    Over,
}

impl Collection {
    /// Watches the collection of this body.
    pub(super) fn of(body: &mut Body) -> Arc<Self> {
        let stage = AtomicU8::new(Stage::NotBegun as u8);
        let collection = Arc::new(Self { stage, span: Span::current() });
        *body = Body::new(ArrivedBody { body: std::mem::take(body), collection: Arc::clone(&collection) });
        collection
    }

    pub(super) fn end(&self) {
        self.set(Stage::Over);
    }

    /// Whether the body was polled, if its collection has failed.
    pub(super) fn polled(&self) -> BodyPolled {
        if self.is(Stage::NotBegun) { BodyPolled::No } else { BodyPolled::Yes }
    }

    fn begin(&self) {
        if self.is(Stage::NotBegun) {
            self.set(Stage::Collecting);
        }
    }

    fn set(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Relaxed);
    }

    fn is(&self, stage: Stage) -> bool {
        self.stage.load(Ordering::Relaxed) == stage as u8
    }

    /// Goes on as a task if the body is being collected: all of it may have arrived.
    pub(super) fn abandon(self: Arc<Self>, response: BoxedResponse) {
        if self.is(Stage::Over) {
            return;
        }
        if let Ok(runtime) = Handle::try_current() {
            self.set(Stage::Abandoned);
            let span = self.span.clone();
            runtime.spawn(AbandonedRequest { response, collection: self }.instrument(span));
        }
    }
}

/// Collects a body and calls the application. It ends when the application's service waits: a pool then goes on by itself if the
/// request has a connection, and the request leaves the pool's queue if it has none.
struct AbandonedRequest {
    response: BoxedResponse,
    collection: Arc<Collection>,
}

impl Future for AbandonedRequest {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.response.as_mut().poll(cx) {
            Poll::Pending if !self.collection.is(Stage::Over) => Poll::Pending,
            _ => Poll::Ready(()),
        }
    }
}

/// A body that fails where it would wait for a client that has left.
struct ArrivedBody {
    body: Body,
    collection: Arc<Collection>,
}

impl http_body::Body for ArrivedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.collection.begin();
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending if self.collection.is(Stage::Abandoned) => {
                Poll::Ready(Some(Err(ClientLeft.into())))
            }
            polled => polled.map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[derive(Debug)]
struct ClientLeft;

impl fmt::Display for ClientLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client left before it had sent the body")
    }
}

impl std::error::Error for ClientLeft {}
