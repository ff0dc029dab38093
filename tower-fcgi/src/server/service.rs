//! What can be served.

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::failure::BoxError;
use crate::body::RequestBody;

/// A tower service that answers requests: any
/// `Service<http::Request<RequestBody>, Response = http::Response<B>>` with `B: http_body::Body`.
///
/// Only an abbreviation of these bounds; it is implemented for whatever meets them. The service, its futures
/// and its bodies are `Send + 'static`, since requests that share a connection run in tasks of their own.
///
/// # Readiness
/// Each request has a clone of the service, as under `axum::serve` and hyper-util: it is made once the request was
/// checked (its head, its limits, its role, the [prefix](crate::RequestTarget) of its path), polled until it is ready, called
/// once, and dropped right after the call. What a service reserves in `poll_ready`, such as a permit of tower's
/// `ConcurrencyLimit`, is thus held for a request that is served, and never by a rejected request or an idle
/// connection. Requests that wait do not block each other, and wait in the order in which they came where the service
/// is fair.
///
/// A request that is aborted or times out while it waits drops its clone. An error of `poll_ready` is a
/// `503 Service Unavailable`, a panic a `500`, both with the reason on STDERR. tower's `LoadShed` does not wait: its
/// error is one of the service, so a `500` unless a layer makes a response of it.
///
/// # Timeouts
/// A service that never becomes ready is given up after [`Config::with_request_timeout`](crate::Config::with_request_timeout), with
/// a 503. **By default that is not set, and a request waits without limit**, as under hyper. No other timeout ends the
/// wait: [`body_timeout`](crate::Config::with_body_read_timeout) breaks off a body that the web server stops sending, but the
/// request waits on. One exception keeps other requests of the connection alive: a waiting request whose unread body
/// pauses the input is given up as any other, after [`pause_timeout`](crate::Config::with_body_stall_timeout).
///
/// # Services that are not `Clone`
/// A service that is not `Clone`, such as tower's `RateLimit` and `Balance`, goes behind tower's `Buffer`. A clone should
/// be cheap, since each request makes one; that of an axum `Router` increments a reference count.
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
