//! Why a request's body could not be read to its end.

use fcgi_core::{StreamState, UserError};

use super::channel::SendOutcome;

/// The error of a request's body that is incomplete.
///
/// Do not act on the part that was read: FastCGI §6.2 asks an application to abandon an update whose body is too short.
/// [`kind`](Self::kind) tells the causes apart.
///
/// ```
/// use http::{Request, Response, StatusCode};
/// use http_body_util::BodyExt as _;
/// use tower_fcgi::{BodyError, RequestBody};
///
/// /// Saves an upload only if it is complete.
/// async fn save(request: Request<RequestBody>) -> Result<Response<String>, BodyError> {
///     let upload = request.into_body().collect().await?.to_bytes();
///     // …
///     Ok(Response::new(format!("{} bytes", upload.len())))
/// }
/// # let _ = tower::service_fn(save);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}", kind.message())]
pub struct BodyError {
    kind: BodyErrorKind,
}

/// The cause of a [`BodyError`].
///
/// If no response has begun, the connection usually answers the request itself and drops its handler. So these errors are for
/// handlers that read a body while they respond, and for tasks that outlive their handler.
///
/// ```
/// use http::StatusCode;
/// use tower_fcgi::{BodyError, BodyErrorKind};
///
/// fn status(error: &BodyError) -> StatusCode {
///     match error.kind() {
///         BodyErrorKind::ReadTimeout => StatusCode::REQUEST_TIMEOUT,
///         BodyErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
///         _ => StatusCode::BAD_REQUEST,
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BodyErrorKind {
    /// STDIN ended with fewer bytes than CONTENT_LENGTH, or a Filter's DATA with fewer than FCGI_DATA_LENGTH.
    ///
    /// The client has left, or the web server has cut the body. A response, such as a 400, is sent.
    TooShort,
    /// STDIN has more bytes than CONTENT_LENGTH, or a Filter's DATA more than FCGI_DATA_LENGTH: the web server is at fault.
    ///
    /// A response, such as a 400, is sent.
    TooLong,
    /// The web server aborted the request with ABORT_REQUEST (FastCGI §5.4), because its client has left. No response is
    /// sent.
    Aborted,
    /// The connection was lost before the terminal record of STDIN, or of a Filter's DATA. No response can be sent.
    Disconnected,
    /// The body was dropped because it was unread and blocked other requests of its connection for [too
    /// long](crate::Config::with_body_stall_timeout).
    ///
    /// The request failed. Read bodies as they arrive, and drop those that are not needed.
    Evicted,
    /// Nothing of the body was received for [too long](crate::Config::with_body_read_timeout). If no response has begun, respond
    /// with a 408.
    ReadTimeout,
    /// The body is larger than [the limit](crate::Config::with_max_body_bytes). The response has begun: end it with an error,
    /// so that it does not look complete.
    TooLarge,
    /// The request [timed out](crate::Config::with_request_timeout), and was answered with a 503.
    Timeout,
    /// The request was answered: the rest of its body is discarded. It needs no action.
    RequestEnded,
}

impl BodyErrorKind {
    const fn message(self) -> &'static str {
        match self {
            Self::TooShort => "the body is shorter than the length that the web server sent",
            Self::TooLong => "the body is longer than the length that the web server sent",
            Self::Aborted => "the web server aborted the request before the end of its body",
            Self::Disconnected => {
                "the connection to the web server was lost before the end of the request's body"
            }
            Self::Evicted => "the request's body was dropped: unread, it blocked other requests for too long",
            Self::ReadTimeout => {
                "the request's body timed out: the web server sent nothing of it for too long"
            }
            Self::TooLarge => "the request's body is larger than the limit",
            Self::Timeout => "the request timed out",
            Self::RequestEnded => "the request was answered before the end of its body",
        }
    }
}

impl BodyError {
    pub(crate) const fn new(kind: BodyErrorKind) -> Self {
        Self { kind }
    }

    /// The cause.
    #[must_use]
    pub const fn kind(&self) -> BodyErrorKind {
        self.kind
    }
}

impl From<Result<StreamState, UserError>> for SendOutcome<BodyErrorKind> {
    fn from(read: Result<StreamState, UserError>) -> Self {
        match read {
            Ok(StreamState::Open) => Self::More,
            Ok(StreamState::Ended) => Self::Last,
            Ok(StreamState::Aborted) => Self::Broken(BodyErrorKind::Aborted),
            Err(_) => Self::Broken(BodyErrorKind::RequestEnded),
        }
    }
}
