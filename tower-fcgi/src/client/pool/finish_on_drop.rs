//! A future that goes on as a task when its caller leaves.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// A future that is not lost when it is dropped before its end: a task runs it then, and drops its output. The task is not
/// spawned earlier, so that it costs nothing in the usual case.
pub(super) struct FinishOnDrop<T: Send + 'static> {
    /// `None` after the end.
    future: Option<BoxedFuture<T>>,
    when_dropped: WhenDropped,
}

type BoxedFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What becomes of a future that is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WhenDropped {
    Finish,
    Cancel,
}

impl<T: Send + 'static> FinishOnDrop<T> {
    pub(super) fn new(future: impl Future<Output = T> + Send + 'static, when_dropped: WhenDropped) -> Self {
        Self { future: Some(Box::pin(future)), when_dropped }
    }
}

impl<T: Send + 'static> Future for FinishOnDrop<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Some(future) = &mut self.future else { return Poll::Pending };
        let polled = future.as_mut().poll(cx);
        if polled.is_ready() {
            self.future = None;
        }
        polled
    }
}

impl<T: Send + 'static> Drop for FinishOnDrop<T> {
    fn drop(&mut self) {
        let future = self.future.take().filter(|_| self.when_dropped == WhenDropped::Finish);
        // Outside a runtime there are no connections, either.
        if let Some((future, runtime)) = future.zip(Handle::try_current().ok()) {
            runtime.spawn(async { drop(future.await) });
        }
    }
}
