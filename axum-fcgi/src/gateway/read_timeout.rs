//! The timeout between two parts of a response.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

pin_project! {
    /// Fails if the application sends nothing for too long. The time counts only while the body is pending: a client that does
    /// not read, so that the body is not polled, takes none of it.
    pub(super) struct ReadTimeoutBody<B> {
        #[pin]
        body: B,
        limit: Option<Duration>,
        // `None`: a part was ready.
        pending_since: Option<Instant>,
        timer: Option<Pin<Box<Sleep>>>,
    }
}

/// The application sent nothing more of its response in time.
#[derive(Debug, thiserror::Error)]
#[error("the application sent nothing more of the response in time")]
struct ReadTimeout;

impl<B> ReadTimeoutBody<B> {
    pub(super) const fn new(body: B, limit: Option<Duration>) -> Self {
        Self { body, limit, pending_since: None, timer: None }
    }
}

impl<B> Body for ReadTimeoutBody<B>
where
    B: Body<Error: Into<BoxError>>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let this = self.project();
        if let Poll::Ready(frame) = this.body.poll_frame(cx) {
            *this.pending_since = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let Some(limit) = *this.limit else { return Poll::Pending };
        let since = *this.pending_since.get_or_insert_with(Instant::now);
        let Some(deadline) = since.checked_add(limit) else { return Poll::Pending };
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        timer.as_mut().poll(cx).map(|()| Some(Err(ReadTimeout.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use futures_util::stream;
    use http_body_util::{BodyExt as _, StreamBody};
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_waiting_for_the_application_counts() {
        // A part after 50 s each, and then none.
        let parts = stream::unfold(0, async |at| {
            sleep(Duration::from_secs(if at < 3 { 50 } else { 1000 })).await;
            Some((Ok::<_, BoxError>(Frame::data(Bytes::from_static(b"part"))), at + 1))
        });
        let limit = Duration::from_secs(60);
        let mut body = ReadTimeoutBody::new(Box::pin(StreamBody::new(parts)), Some(limit));
        for _ in 0..3 {
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "part");
            // The client does not read.
            sleep(Duration::from_secs(500)).await;
        }
        let begun = Instant::now();
        let error = body.frame().await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "the application sent nothing more of the response in time");
        assert_eq!(begun.elapsed().as_secs(), 60);
    }
}
