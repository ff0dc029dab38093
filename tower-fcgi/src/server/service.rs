//! The services that a connection can serve.

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::failure::BoxError;
use crate::body::RequestBody;

/// A tower service that a connection can serve: an alias for its bounds.
///
/// It is implemented for every `Service<http::Request<RequestBody>, Response = http::Response<B>>` with
/// `B: http_body::Body`. The service, its futures and its bodies
/// are `Send + 'static`, since requests that share a connection run in tasks.
///
/// # Readiness
/// Each request gets a clone of the service, as with `axum::serve` and hyper-util. The clone is made after the request was
/// checked (its head, its limits, its role, the [prefix](crate::RequestTarget) of its path), polled until it is ready,
/// called once, and dropped right after the call. So what a service reserves in `poll_ready`, such as a permit of tower's
/// `ConcurrencyLimit`, is never held by a rejected request or an idle connection. Waiting requests do not block each
/// other, and wait in the order of their arrival if the service is fair.
///
/// A request that is aborted or times out while it waits drops its clone. An error of `poll_ready` is a
/// `503 Service Unavailable`, a panic a `500`, both with the reason on STDERR. tower's `LoadShed` does not wait: its error
/// is an error of the call, so a `500` unless a layer turns it into a response.
///
/// # Timeouts
/// A service that never becomes ready fails after
/// [`Config::with_request_timeout`](crate::Config::with_request_timeout), with a 503. **That is not set by default, so a
/// request waits without limit**, as under hyper. No other timeout ends the wait:
/// [`body_read_timeout`](crate::Config::with_body_read_timeout) fails a body that the web server stops sending, but the request
/// waits on. One exception keeps other requests of the connection alive: a waiting request whose unread body pauses the
/// input fails after [`body_stall_timeout`](crate::Config::with_body_stall_timeout).
///
/// # Services that are not `Clone`
/// Put a service that is not `Clone`, such as tower's `RateLimit` and `Balance`, behind tower's `Buffer`. A clone should be
/// cheap, since each request makes one; that of an axum `Router` increments a reference count.
///
/// # Examples
/// As a bound, for an accept loop with any service:
///
/// ```
/// use tokio::net::TcpListener;
/// use tower_fcgi::{Connection, FcgiService};
///
/// async fn serve<S: FcgiService>(listener: TcpListener, service: S) -> std::io::Result<()> {
///     loop {
///         let (stream, _) = listener.accept().await?;
///         tokio::spawn(Connection::new(stream, service.clone()));
///     }
/// }
/// ```
pub trait FcgiService:
    Service<
        Request<RequestBody>,
        Response = Response<Self::ResponseBody>,
        Error: Into<BoxError> + 'static,
        Future: Send + 'static,
    > + Clone
    + Send
    + 'static
{
    /// The body of its responses.
    type ResponseBody: Body<Data: Send, Error: Into<BoxError>> + Send + 'static;
}

impl<S, B> FcgiService for S
where
    S: Service<
            Request<RequestBody>,
            Response = Response<B>,
            Error: Into<BoxError> + 'static,
            Future: Send + 'static,
        > + Clone
        + Send
        + 'static,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type ResponseBody = B;
}
