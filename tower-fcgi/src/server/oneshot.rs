//! Calls a clone of the service with one request: waits for its readiness, then for the response.

use std::mem;
use std::pin::Pin;
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
        /// The clone is not ready. Always poll the same clone: another one would lose the place in the queue. Boxed, since
        /// most services are ready at once, and a request is large.
        Waiting { call: Box<Call<S>> },
        /// The service was called, and the clone dropped.
        Called { #[pin] future: S::Future },
    }
}

/// A request that waits for the readiness of its service.
#[derive(Debug)]
pub(crate) struct Call<S> {
    service: S,
    request: Request<RequestBody>,
}

impl<S> Oneshot<S>
where
    S: Service<Request<RequestBody>, Error: Into<BoxError>>,
{
    /// A future that polls the readiness of `service` first.
    pub(crate) fn new(service: S, request: Request<RequestBody>) -> Self {
        Self::Waiting { call: Box::new(Call { service, request }) }
    }

    /// Calls `service` if it is ready at once. Allocates only if it is not.
    ///
    /// # Errors
    /// The error of `poll_ready`.
    #[inline]
    pub(crate) fn start(
        mut service: S,
        request: Request<RequestBody>,
        cx: &mut Context<'_>,
    ) -> Result<Self, Failure> {
        match service.poll_ready(cx) {
            Poll::Ready(Ok(())) => Ok(Self::Called { future: service.call(request) }),
            Poll::Ready(Err(error)) => Err(Failure::ServiceNotReady(error.into())),
            Poll::Pending => Ok(Self::new(service, request)),
        }
    }
}

impl<S> Future for Oneshot<S>
where
    S: Service<Request<RequestBody>, Error: Into<BoxError>>,
{
    type Output = Result<S::Response, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let future = match self.as_mut().project() {
                OneshotProj::Called { future } => {
                    return future.poll(cx).map_err(|error| Failure::Service(error.into()));
                }
                OneshotProj::Waiting { call } => {
                    ready!(call.service.poll_ready(cx))
                        .map_err(|error| Failure::ServiceNotReady(error.into()))?;
                    let request = mem::replace(&mut call.request, Request::new(RequestBody::empty()));
                    call.service.call(request)
                }
            };
            self.set(Self::Called { future });
        }
    }
}
