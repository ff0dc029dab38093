//! A body whose failure does not take back what came before it.

use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// Is pending once before it fails. hyper then sends what it has, such as the head; if a body fails in the same poll,
    /// hyper drops all of it, and the client gets nothing.
    pub(super) struct FlushFirst<B: Body> {
        #[pin]
        body: B,
        error: Option<B::Error>,
    }
}

impl<B: Body> FlushFirst<B> {
    pub(super) const fn new(body: B) -> Self {
        Self { body, error: None }
    }
}

impl<B: Body> Body for FlushFirst<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        if let Some(error) = this.error.take() {
            return Poll::Ready(Some(Err(error)));
        }
        match this.body.poll_frame(cx) {
            Poll::Ready(Some(Err(error))) => {
                *this.error = Some(error);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            polled => polled,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.error.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
