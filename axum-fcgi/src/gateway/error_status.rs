//! The status that a client gets if the application gives no response.

use std::error::Error as StdError;

use axum::BoxError;
use axum::http::StatusCode;
use http_body_util::LengthLimitError;
use tower_fcgi::ProtocolStatus;
use tower_fcgi::client::Error;

use crate::request_log::{RequestLog, request_event};

/// Returns the status for an error, and logs the reason, which is not sent to the client.
pub(super) fn error_status(error: &BoxError, request: &RequestLog) -> StatusCode {
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
        request_event!(debug, request, error, %status, "sending the request to the application failed");
    } else {
        request_event!(warn, request, error, %status, "the application sent no response");
    }
    status
}

/// The first error of type `E` in the chain of sources.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    std::iter::successors(Some(error), |error| (*error).source()).find_map(|error| error.downcast_ref())
}

/// The error of a client's body that failed while it was buffered.
#[derive(Debug, thiserror::Error)]
#[error("the client's request body failed")]
pub(super) struct RequestBodyError(#[source] pub(super) BoxError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_errors_are_400_and_others_502() {
        let other = || -> BoxError { "something else".into() };
        let request = RequestLog::of(&axum::http::Request::new(()));
        assert_eq!(error_status(&other(), &request), StatusCode::BAD_GATEWAY);
        assert_eq!(error_status(&RequestBodyError(other()).into(), &request), StatusCode::BAD_REQUEST);
    }
}
