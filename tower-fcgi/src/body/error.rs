//! Why a request's body could not be read to its end.

use fcgi_core::{StreamState, UserError};

use super::channel::SendOutcome;

/// The error of a request's body that is incomplete.
///
/// Do not act on the part that was read: FastCGI §6.2 asks an application to abandon an update whose body is too short.
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
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct BodyError {
    kind: BodyErrorKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyErrorKind {
    #[error("the body is shorter than the length that the web server sent")]
    TooShort,
    #[error("the body is longer than the length that the web server sent")]
    TooLong,
    #[error("the web server aborted the request before the end of its body")]
    Aborted,
    #[error("the connection to the web server was lost before the end of the request's body")]
    Disconnected,
    #[error("the request's body was dropped: unread, it blocked other requests for too long")]
    Evicted,
    #[error("the request's body timed out: the web server sent nothing of it for too long")]
    ReadTimeout,
    #[error("the request's body is larger than the limit")]
    TooLarge,
    #[error("the request timed out")]
    Timeout,
    #[error("the request was answered before the end of its body")]
    RequestEnded,
}

impl BodyError {
    /// Whether STDIN ended with fewer bytes than CONTENT_LENGTH, or a Filter's DATA with fewer than FCGI_DATA_LENGTH.
    #[must_use]
    pub const fn is_too_short(&self) -> bool {
        matches!(self.kind, BodyErrorKind::TooShort)
    }

    /// Whether STDIN has more bytes than CONTENT_LENGTH, or a Filter's DATA more than FCGI_DATA_LENGTH.
    #[must_use]
    pub const fn is_too_long(&self) -> bool {
        matches!(self.kind, BodyErrorKind::TooLong)
    }

    /// Whether the web server aborted the request with ABORT_REQUEST (FastCGI §5.4).
    #[must_use]
    pub const fn is_aborted(&self) -> bool {
        matches!(self.kind, BodyErrorKind::Aborted)
    }

    /// Whether the connection was lost before the terminal record of STDIN, or of a Filter's DATA.
    #[must_use]
    pub const fn is_disconnected(&self) -> bool {
        matches!(self.kind, BodyErrorKind::Disconnected)
    }

    /// Whether the body was dropped because it was unread and blocked other requests of its connection for [too
    /// long](crate::Config::with_body_stall_timeout).
    #[must_use]
    pub const fn is_evicted(&self) -> bool {
        matches!(self.kind, BodyErrorKind::Evicted)
    }

    /// Whether nothing of the body was received for [too long](crate::Config::with_body_read_timeout).
    #[must_use]
    pub const fn is_read_timeout(&self) -> bool {
        matches!(self.kind, BodyErrorKind::ReadTimeout)
    }

    /// Whether the body is larger than [the limit](crate::Config::with_max_body_bytes).
    #[must_use]
    pub const fn is_too_large(&self) -> bool {
        matches!(self.kind, BodyErrorKind::TooLarge)
    }

    /// Whether the request [timed out](crate::Config::with_request_timeout).
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        matches!(self.kind, BodyErrorKind::Timeout)
    }

    /// Whether the request was answered: the rest of its body is discarded.
    #[must_use]
    pub const fn is_request_ended(&self) -> bool {
        matches!(self.kind, BodyErrorKind::RequestEnded)
    }
}

impl From<BodyErrorKind> for BodyError {
    fn from(kind: BodyErrorKind) -> Self {
        Self { kind }
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
