//! The future of `serve` and `serve_auto`.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The future that [`Serve`](crate::Serve) and [`ServeAuto`](crate::ServeAuto) turn into when they are awaited.
///
/// # Cancel safety
/// Dropping it closes the listener. Open connections are still served, each in a task of its own.
pub struct ServeFuture(Pin<Box<dyn Future<Output = io::Result<()>> + Send>>);

impl ServeFuture {
    pub(super) fn new(run: impl Future<Output = io::Result<()>> + Send + 'static) -> Self {
        Self(Box::pin(run))
    }
}

impl Future for ServeFuture {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for ServeFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeFuture").finish_non_exhaustive()
    }
}
