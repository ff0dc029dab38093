//! The body of an answer on its way to the client.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::BoxError;
use axum::body::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

pin_project! {
    /// The application's body, which has to end in time, and whose failure is logged.
    #[project = AnswerProj]
    pub(super) struct TimedBody<B> {
        #[pin]
        body: B,
        deadline: Option<Pin<Box<Sleep>>>,
    }
}

impl<B> TimedBody<B> {
    pub(super) fn new(body: B, deadline: Option<Instant>) -> Self {
        Self { body, deadline: deadline.map(|at| Box::pin(sleep_until(at))) }
    }
}

impl<B> Body for TimedBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let AnswerProj { body, deadline } = self.project();
        let error: BoxError =
            if deadline.as_mut().is_some_and(|deadline| deadline.as_mut().poll(cx).is_ready()) {
                Expired.into()
            } else {
                match ready!(body.poll_frame(cx)) {
                    None => return Poll::Ready(None),
                    Some(Ok(frame)) => return Poll::Ready(Some(Ok(frame))),
                    Some(Err(error)) => error.into(),
                }
            };
        tracing::warn!(error = &*error as &(dyn StdError + 'static), "the application's answer is cut off");
        Poll::Ready(Some(Err(error)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The answer took too long.
#[derive(Debug)]
struct Expired;

impl fmt::Display for Expired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer was not whole in time")
    }
}

impl StdError for Expired {}
