//! The future of a call.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;

use crate::client::error::Error;
use crate::client::response_body::ResponseBody;

/// The future of a call of a [`Pool`](super::Pool) or a [`Balance`](crate::client::Balance).
///
/// # Output
/// Completes with the response when its head was received, or with an [`Error`].
///
/// # Cancel safety
/// Dropping it removes the request from the queue, or aborts it once it was sent: see [`Pool`](super::Pool#cancel-safety).
///
/// # Panics
/// It panics outside a tokio runtime whose time is enabled.
#[must_use = "futures do nothing unless polled"]
pub struct PoolFuture(Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Error>> + Send>>);

impl PoolFuture {
    pub(in crate::client) fn new(
        response: impl Future<Output = Result<Response<ResponseBody>, Error>> + Send + 'static,
    ) -> Self {
        Self(Box::pin(response))
    }
}

impl Future for PoolFuture {
    type Output = Result<Response<ResponseBody>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for PoolFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolFuture").finish_non_exhaustive()
    }
}
