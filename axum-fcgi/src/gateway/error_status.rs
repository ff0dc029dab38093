//! What a client is told where there is no answer.

use std::error::Error as StdError;
use std::fmt;

use axum::BoxError;
use axum::http::StatusCode;
use http_body_util::LengthLimitError;
use tower_fcgi::ProtocolStatus;
use tower_fcgi::client::Error;

/// The status for it. The reason goes to the log alone.
pub(super) fn error_status(error: &BoxError) -> StatusCode {
    let status = match find::<Error>(&**error) {
        _ if find::<LengthLimitError>(&**error).is_some() => StatusCode::PAYLOAD_TOO_LARGE,
        _ if find::<RequestBodyError>(&**error).is_some() => StatusCode::BAD_REQUEST,
        None => StatusCode::BAD_GATEWAY,
        Some(error) if error.is_request_body() => StatusCode::BAD_REQUEST,
        Some(error) if error.is_acquire_timeout() => StatusCode::SERVICE_UNAVAILABLE,
        Some(error) if error.is_connect_timeout() => StatusCode::GATEWAY_TIMEOUT,
        Some(error) => match error.protocol_status() {
            Some(ProtocolStatus::OVERLOADED | ProtocolStatus::CANT_MPX_CONN) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::BAD_GATEWAY,
        },
    };
    let error = &**error as &(dyn StdError + 'static);
    if status.is_client_error() {
        tracing::debug!(error, %status, "a request could not be sent to the application");
    } else {
        tracing::warn!(error, %status, "the application has not answered");
    }
    status
}

/// An error of this type, in this one or in what it is because of.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    std::iter::successors(Some(error), |error| (*error).source()).find_map(|error| error.downcast_ref())
}

/// The client's body failed while it was collected.
#[derive(Debug)]
pub(super) struct RequestBodyError(pub(super) BoxError);

impl fmt::Display for RequestBodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client's body failed")
    }
}

impl StdError for RequestBodyError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_fault_it_is_decides() {
        let other = || -> BoxError { "something else".into() };
        assert_eq!(error_status(&other()), StatusCode::BAD_GATEWAY);
        assert_eq!(error_status(&RequestBodyError(other()).into()), StatusCode::BAD_REQUEST);
    }
}
