//! The caller's end of a connection.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::Body;
use tokio::sync::oneshot;
use tower_service::Service;

use super::dispatch::{Envelope, FailedRequest, RequestChannel, ResponseSender};
use super::error::{Error, ErrorKind};
use super::response_body::ResponseBody;

/// Sends requests over a [`Connection`](super::Connection): a tower service.
///
/// It is ready once the answer to the last request has ended or, where connections are
/// [shared](super::Config::with_max_concurrent_requests), while fewer are under way than the application takes. Dropping it lets
/// those that are under way end, and then the connection.
///
/// # Errors
/// Of `poll_ready`: the connection has ended, [`Error::is_closed`]. Of a call: whatever keeps the answer's head
/// from coming; after the head, errors are the [body](ResponseBody)'s. A call for which `poll_ready` was ready is refused only
/// if the connection has ended since: that is [`Error::is_closed`] too, and nothing of the request was sent.
///
/// # Cancel safety
/// Dropping the future of a call gives the request up, and the connection with it unless it is shared.
pub struct SendRequest<B> {
    requests: Arc<RequestChannel<B>>,
    reservation: Reservation,
}

/// Whether `poll_ready` has a place for the next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reservation {
    None,
    Reserved,
}

impl<B> SendRequest<B> {
    pub(super) const fn new(mailbox: Arc<RequestChannel<B>>) -> Self {
        Self { requests: mailbox, reservation: Reservation::None }
    }

    /// Whether the connection takes no more requests.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.requests.is_closed()
    }

    pub(super) fn mailbox(&self) -> &RequestChannel<B> {
        &self.requests
    }

    fn send(&mut self, request: Request<B>) -> oneshot::Receiver<ResponseSender<B>> {
        let (call, receiver) = Envelope::new(request);
        let put = match std::mem::replace(&mut self.reservation, Reservation::None) {
            Reservation::Reserved => self.requests.send_reserved(call),
            Reservation::None => self.requests.send(call),
        };
        if let Err(call) = put {
            let _ = call.response.send(Err(FailedRequest::unsent(call.request, ErrorKind::Closed)));
        }
        receiver
    }
}

impl<B: Body> Service<Request<B>> for SendRequest<B> {
    type Response = Response<ResponseBody>;
    type Error = Error;
    type Future = ResponseFuture<B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match self.reservation {
            Reservation::Reserved if self.is_closed() => Poll::Ready(Err(ErrorKind::Closed.into())),
            Reservation::Reserved => Poll::Ready(Ok(())),
            Reservation::None => {
                ready!(self.requests.poll_reserve(cx))?;
                self.reservation = Reservation::Reserved;
                Poll::Ready(Ok(()))
            }
        }
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture<B> {
        ResponseFuture { answer: self.send(request) }
    }
}

impl<B> Drop for SendRequest<B> {
    fn drop(&mut self) {
        self.requests.forget_sender();
    }
}

impl<B> fmt::Debug for SendRequest<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendRequest").field("is_closed", &self.is_closed()).finish()
    }
}

/// The answer to a request, up to its head.
pub struct ResponseFuture<B> {
    answer: oneshot::Receiver<ResponseSender<B>>,
}

impl<B> Future for ResponseFuture<B> {
    type Output = Result<Response<ResponseBody>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answer).poll(cx).map(|answer| match answer {
            Ok(answer) => answer.map_err(|unanswered| unanswered.error),
            // The connection's future was dropped.
            Err(_) => Err(ErrorKind::Incomplete.into()),
        })
    }
}

impl<B> fmt::Debug for ResponseFuture<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
