//! A future that goes on as a task when its caller leaves.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// A future that is not lost when it is dropped before its end: a task runs it then, and drops its output. The task is not
/// spawned earlier, so that it costs nothing in the usual case.
pub(super) struct FinishOnDrop<T: Send + 'static> {
    /// `None` after the end, and while it is polled.
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
        // If it panics, it is dropped: it cannot go on.
        let Some(mut future) = self.future.take() else { return Poll::Pending };
        let polled = future.as_mut().poll(cx);
        if polled.is_pending() {
            self.future = Some(future);
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

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[tokio::test]
    async fn a_panic_is_not_finished() {
        let future = async { panic!("connect has a bug") };
        let mut finish = FinishOnDrop::<()>::new(future, WhenDropped::Finish);
        let poll = || Pin::new(&mut finish).poll(&mut Context::from_waker(std::task::Waker::noop()));
        assert!(catch_unwind(AssertUnwindSafe(poll)).is_err());
        drop(finish);
        assert_eq!(Handle::current().metrics().num_alive_tasks(), 0, "it would panic again");
    }
}
