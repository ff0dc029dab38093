//! The status that a client gets if the application gives no response.

use std::error::Error as StdError;

use axum::BoxError;
use axum::http::StatusCode;
use http_body_util::LengthLimitError;
use tower_fcgi::ProtocolStatus;
use tower_fcgi::client::{Error, ErrorKind};

use super::spool::{CollectError, SpoolError};
use crate::request_log::{RequestLog, request_event};

/// Returns the status for an error, and logs the reason, which is not sent to the client.
pub(super) fn error_status(error: &BoxError, request: &RequestLog) -> StatusCode {
    let status = status(error);
    let error = &**error as &(dyn StdError + 'static);
    // A 503 without room for the request's body is no matter of the application.
    if status == StatusCode::INTERNAL_SERVER_ERROR || find::<SpoolError>(error).is_some() {
        request_event!(error, request, error, %status, "the request could not be sent to the application");
    } else if status.is_client_error() {
        request_event!(debug, request, error, %status, "sending the request to the application failed");
    } else {
        request_event!(warn, request, error, %status, "the application sent no response");
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
        Some(error) if error.kind() == ErrorKind::AcquireTimeout => StatusCode::SERVICE_UNAVAILABLE,
        Some(error) if error.kind() == ErrorKind::ConnectTimeout => StatusCode::GATEWAY_TIMEOUT,
        Some(error) => match (error.too_long_param(), error.protocol_status()) {
            (Some(name), _) => too_long(name),
            (None, Some(ProtocolStatus::OVERLOADED | ProtocolStatus::CANT_MPX_CONN)) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::BAD_GATEWAY,
        },
    }
}

/// The status for a request whose meta-variable `name` is too long.
fn too_long(name: &str) -> StatusCode {
    match name {
        "CONTENT_TYPE" | "SERVER_NAME" => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        "REQUEST_URI" | "QUERY_STRING" | "PATH_INFO" | "PATH_TRANSLATED" | "SCRIPT_NAME"
        | "SCRIPT_FILENAME" | "DOCUMENT_URI" => StatusCode::URI_TOO_LONG,
        // RFC 9112 §3: a method longer than any that is implemented.
        "REQUEST_METHOD" => StatusCode::NOT_IMPLEMENTED,
        _ if name.starts_with("HTTP_") => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        // Not from the request.
        _ => StatusCode::INTERNAL_SERVER_ERROR,
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
    fn a_variable_that_is_too_long_has_the_status_of_its_part() {
        for (name, status) in [
            ("HTTP_COOKIE", 431),
            ("CONTENT_TYPE", 431),
            ("REQUEST_URI", 414),
            ("QUERY_STRING", 414),
            ("PATH_INFO", 414),
            ("SCRIPT_FILENAME", 414),
            ("REQUEST_METHOD", 501),
            ("APP_CONFIG", 500),
        ] {
            assert_eq!(too_long(name), status, "{name}");
        }
    }

    #[test]
    fn errors_of_files_are_500_and_others_502() {
        let request = RequestLog::of(&axum::http::Request::new(()));
        assert_eq!(error_status(&"something else".into(), &request), StatusCode::BAD_GATEWAY);
        let source = std::io::ErrorKind::StorageFull.into();
        let file = SpoolError::Io { operation: "reading", directory: "/tmp".into(), source };
        assert_eq!(error_status(&axum::Error::new(file).into(), &request), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
