//! Calls a clone of the service with one request: waits for its readiness, then for the response.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use http::Request;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::failure::{BoxError, Failure};
use crate::body::RequestBody;

pin_project! {
    /// The future of one response. Like tower's `Oneshot`, but its error distinguishes an error of `poll_ready` from one of
    /// the call.
    ///
    /// It owns a clone of the service until the call, and no longer. So what the clone has reserved in `poll_ready` (a permit,
    /// a place in a queue) is released when this future is dropped, even without a call.
    #[project = OneshotProj]
    pub(crate) enum Oneshot<S>
    where
        S: Service<Request<RequestBody>>,
    {
        /// The service was not called. Always poll the same clone: another one would lose the place in the queue.
        /// `request`: `None` only during the call, and after a panic of it.
        /// `called`: is set at the call, if the log wants to know.
        Waiting { service: S, request: Option<Request<RequestBody>>, called: Option<Arc<AtomicBool>> },
        /// The service was called, and the clone dropped.
        Called { #[pin] future: S::Future },
    }
}

impl<S> Oneshot<S>
where
    S: Service<Request<RequestBody>, Error: Into<BoxError>>,
{
    /// A future that polls the readiness of `service` first.
    pub(crate) const fn new(
        service: S,
        request: Request<RequestBody>,
        called: Option<Arc<AtomicBool>>,
    ) -> Self {
        Self::Waiting { service, request: Some(request), called }
    }
}

impl<S> Future for Oneshot<S>
where
    S: Service<Request<RequestBody>, Error: Into<BoxError>>,
{
    type Output = Result<S::Response, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let OneshotProj::Waiting { service, request, called } = self.as_mut().project() {
            ready!(service.poll_ready(cx)).map_err(|error| Failure::ServiceNotReady(error.into()))?;
            if let Some(called) = called {
                called.store(true, Ordering::Relaxed);
            }
            if let Some(request) = request.take() {
                let future = service.call(request);
                self.set(Self::Called { future });
            }
        }
        match self.project() {
            OneshotProj::Called { future } => future.poll(cx).map_err(|error| Failure::Service(error.into())),
            OneshotProj::Waiting { .. } => Poll::Pending,
        }
    }
}
