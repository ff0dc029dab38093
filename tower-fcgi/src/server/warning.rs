//! What a complete response has lost, for the log.

use super::error_log;
use super::request_summary::request_event;
use super::response_writer::ResponseWriter;

/// A part of a response that was not sent. The response is complete all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Warning {
    /// RFC 3875 has no trailers.
    #[error(
        "the response's trailers were dropped: FastCGI and CGI have none (native gRPC needs HTTP, gRPC-Web does not)"
    )]
    Trailers,
    /// As in hyper.
    #[error("the response's Content-Length was replaced by 0: its body is empty")]
    ContentLength,
}

impl Warning {
    /// Writes a line to STDERR and to the log.
    #[cold]
    pub(crate) fn report(self, writer: &mut impl ResponseWriter) {
        error_log::outside_request(
            || request_event!(warn, &writer.summary(), warning = %self, "a part of the response was not sent"),
        );
        writer.stderr(self.to_string().as_bytes());
    }
}
