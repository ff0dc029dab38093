//! Calls a clone of the service with one request: waits for its readiness, then for the response.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Request;
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_service::Service;

use super::failure::{BoxError, Failure};
use crate::body::RequestBody;

/// A future that may wait before it calls a service.
pub(crate) trait ServiceCall: Future {
    /// Whether it has found the service not ready, and still waits.
    fn is_waiting(&self) -> bool {
        false
    }

    /// How long it had to wait until the service was ready. `None` if it still waits or did not have to, and after the first
    /// call.
    fn take_wait(self: Pin<&mut Self>) -> Option<Duration> {
        None
    }
}

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
        /// The service was not called. Always poll the same clone: another one would lose the place in the queue. `request`:
        /// `None` only during the call, and after a panic of it. `since`: when it was first not ready. `called`: is set at
        /// the call, if the log wants to know.
        Waiting {
            service: S,
            request: Option<Request<RequestBody>>,
            since: Option<Instant>,
            called: Option<Arc<AtomicBool>>,
        },
        /// The service was called, and the clone dropped.
        Called { #[pin] future: S::Future, waited: Option<Duration> },
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
        Self::Waiting { service, request: Some(request), since: None, called }
    }
}

impl<S> Future for Oneshot<S>
where
    S: Service<Request<RequestBody>, Error: Into<BoxError>>,
{
    type Output = Result<S::Response, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let OneshotProj::Waiting { service, request, since, called } = self.as_mut().project() {
            let Poll::Ready(ready) = service.poll_ready(cx) else {
                since.get_or_insert_with(Instant::now);
                return Poll::Pending;
            };
            ready.map_err(|error| Failure::ServiceNotReady(error.into()))?;
            if let Some(called) = called {
                called.store(true, Ordering::Relaxed);
            }
            if let Some(request) = request.take() {
                let waited = since.map(|since| since.elapsed());
                let future = service.call(request);
                self.set(Self::Called { future, waited });
            }
        }
        match self.project() {
            OneshotProj::Called { future, .. } => {
                future.poll(cx).map_err(|error| Failure::Service(error.into()))
            }
            OneshotProj::Waiting { .. } => Poll::Pending,
        }
    }
}

impl<S> ServiceCall for Oneshot<S>
where
    S: Service<Request<RequestBody>, Error: Into<BoxError>>,
{
    fn is_waiting(&self) -> bool {
        matches!(self, Self::Waiting { since: Some(_), .. })
    }

    fn take_wait(self: Pin<&mut Self>) -> Option<Duration> {
        match self.project() {
            OneshotProj::Called { waited, .. } => waited.take(),
            OneshotProj::Waiting { .. } => None,
        }
    }
}
