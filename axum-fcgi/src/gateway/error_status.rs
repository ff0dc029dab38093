//! The status that a client gets if the application gives no response.

use std::error::Error as StdError;

use axum::BoxError;
use axum::http::StatusCode;
use http_body_util::LengthLimitError;
use tower_fcgi::ProtocolStatus;
use tower_fcgi::client::Error;

use super::spool::{CollectError, SpoolError};

/// Returns the status for an error, and logs the reason, which is not sent to the client.
pub(super) fn error_status(error: &BoxError) -> StatusCode {
    let status = status(error);
    let error = &**error as &(dyn StdError + 'static);
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!(error, %status, "buffering a request's body failed");
    } else if status.is_client_error() {
        tracing::debug!(error, %status, "sending the request to the application failed");
    } else {
        tracing::warn!(error, %status, "the application sent no response");
    }
    status
}

fn status(error: &BoxError) -> StatusCode {
    if find::<LengthLimitError>(&**error).is_some() {
        return StatusCode::PAYLOAD_TOO_LARGE;
    }
    match find(&**error) {
        Some(SpoolError::TotalUsedUp) => return StatusCode::SERVICE_UNAVAILABLE,
        Some(SpoolError::Io { .. }) => return StatusCode::INTERNAL_SERVER_ERROR,
        None => {}
    }
    match find(&**error) {
        Some(CollectError::TooLarge { .. }) => return StatusCode::PAYLOAD_TOO_LARGE,
        Some(CollectError::Timeout) => return StatusCode::REQUEST_TIMEOUT,
        Some(CollectError::Client(_) | CollectError::Length { .. }) => return StatusCode::BAD_REQUEST,
        Some(CollectError::Spool(_)) | None => {}
    }
    match find::<Error>(&**error) {
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
    }
}

/// The first error of type `E` in the chain of sources.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    std::iter::successors(Some(error), |error| (*error).source()).find_map(|error| error.downcast_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_files_are_500_and_others_502() {
        assert_eq!(error_status(&"something else".into()), StatusCode::BAD_GATEWAY);
        let source = std::io::ErrorKind::StorageFull.into();
        let file = SpoolError::Io { operation: "reading", directory: "/tmp".into(), source };
        assert_eq!(error_status(&axum::Error::new(file).into()), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
