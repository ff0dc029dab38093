//! What can be served.

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::body::RequestBody;
use crate::failure::BoxError;

/// A tower service that answers requests: any
/// `Service<http::Request<RequestBody>, Response = http::Response<B>>` with `B: http_body::Body`.
///
/// Only an abbreviation of these bounds; it is implemented for whatever meets them. Futures and bodies are
/// `Send + 'static`, since requests that share a connection run in tasks of their own.
pub trait FcgiService:
    Service<
        Request<RequestBody>,
        Response = Response<Self::ResponseBody>,
        Error: Into<BoxError> + 'static,
        Future: Send + 'static,
    >
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
        >,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type ResponseBody = B;
}
