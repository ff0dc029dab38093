//! Sends requests over one connection.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::Body;
use tokio::sync::oneshot;
use tower_service::Service;

use super::dispatch::{Envelope, RequestChannel, ResponseResult};
use super::error::{Error, ErrorCause};
use super::response_body::ResponseBody;

/// A tower service that sends requests over one [`Connection`](super::Connection).
///
/// It is ready while no request is in flight or, with [multiplexing](super::Config::with_max_concurrent_requests), while fewer
/// requests are in flight than the application takes. Dropping it closes the connection after the requests in flight.
///
/// # Errors
/// `poll_ready` fails with [`ErrorKind::Closed`](super::ErrorKind::Closed) if the connection has ended. A call fails if no
/// response head is received; the [body](ResponseBody) returns later errors. After a ready `poll_ready`, a call is rejected
/// only if the connection has ended since: then its kind is [`ErrorKind::Closed`](super::ErrorKind::Closed), and nothing of
/// the request was sent.
///
/// # Cancel safety
/// Dropping the future of a call aborts the request. Without multiplexing, this closes the connection.
///
/// # Examples
/// Two requests over a kept connection:
///
/// ```
/// use bytes::Bytes;
/// use http::Request;
/// use http_body_util::{BodyExt as _, Empty};
/// use tokio::io::{AsyncRead, AsyncWrite};
/// use tower::{Service as _, ServiceExt as _};
/// use tower_fcgi::client::{self, SendRequest};
///
/// async fn both<IO>(stream: IO) -> Result<(), Box<dyn std::error::Error>>
/// where
///     IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
/// {
///     let (mut sender, connection): (SendRequest<Empty<Bytes>>, _) =
///         client::handshake(stream, client::Config::default().with_keep_conn(true));
///     tokio::spawn(connection);
///     for path in ["/one", "/two"] {
///         let request = Request::get(path).body(Empty::new())?;
///         let response = sender.ready().await?.call(request).await?;
///         // The next request is sent once this response was read.
///         println!("{:?}", response.into_body().collect().await?.to_bytes());
///     }
///     Ok(())
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// #     let (web_server, application) = tokio::io::duplex(1024);
/// #     let hello = async |_: Request<tower_fcgi::RequestBody>| {
/// #         Ok::<_, std::convert::Infallible>(http::Response::new("Hello!".to_owned()))
/// #     };
/// #     tokio::spawn(tower_fcgi::Connection::new(application, tower::service_fn(hello)));
/// #     both(web_server).await
/// # }
/// ```
pub struct SendRequest<B> {
    requests: Arc<RequestChannel<B>>,
    reservation: Reservation,
}

/// Whether `poll_ready` has reserved room for the next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reservation {
    None,
    Reserved,
}

impl<B> SendRequest<B> {
    pub(super) const fn new(requests: Arc<RequestChannel<B>>) -> Self {
        Self { requests, reservation: Reservation::None }
    }

    /// Whether the connection accepts no more requests.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.requests.is_closed()
    }

    pub(super) fn channel(&self) -> &RequestChannel<B> {
        &self.requests
    }

    pub(super) fn share_channel(&self) -> Arc<RequestChannel<B>> {
        Arc::clone(&self.requests)
    }

    fn send(&mut self, request: Request<B>) -> oneshot::Receiver<ResponseResult<B>> {
        let (envelope, receiver) = Envelope::new(request);
        let sent = match std::mem::replace(&mut self.reservation, Reservation::None) {
            Reservation::Reserved => self.requests.send_reserved(envelope),
            Reservation::None => self.requests.send(envelope),
        };
        if let Err(envelope) = sent {
            envelope.reject(ErrorCause::Closed);
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
            Reservation::Reserved if self.is_closed() => Poll::Ready(Err(ErrorCause::Closed.into())),
            Reservation::Reserved => Poll::Ready(Ok(())),
            Reservation::None => {
                ready!(self.requests.poll_reserve(cx))?;
                self.reservation = Reservation::Reserved;
                Poll::Ready(Ok(()))
            }
        }
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture<B> {
        ResponseFuture { response: self.send(request) }
    }
}

impl<B> Drop for SendRequest<B> {
    fn drop(&mut self) {
        self.requests.drop_sender();
    }
}

impl<B> fmt::Debug for SendRequest<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendRequest").field("is_closed", &self.is_closed()).finish()
    }
}

/// The future of a response, which completes with its head.
pub struct ResponseFuture<B> {
    response: oneshot::Receiver<ResponseResult<B>>,
}

impl<B> Future for ResponseFuture<B> {
    type Output = Result<Response<ResponseBody>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.response).poll(cx).map(|response| match response {
            Ok(response) => response.map_err(|failed| failed.error),
            // The sender was dropped with the connection's future.
            Err(_) => Err(ErrorCause::Incomplete.into()),
        })
    }
}

impl<B> fmt::Debug for ResponseFuture<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{RefUnwindSafe, UnwindSafe};

    use super::*;

    #[test]
    fn a_sender_crosses_threads_and_panics() {
        const fn check<T: Send + Sync + UnwindSafe + RefUnwindSafe>() {}
        check::<SendRequest<String>>();
    }
}
