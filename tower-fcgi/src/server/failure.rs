//! The reasons why a response could not be completed, and the status that the client gets instead.

use std::error::Error;
use std::fmt;

use http::StatusCode;

use crate::cgi::{RequestError, ResponseError};
use crate::stats::{Cause, FailureCause, RecordedFailure, TimeoutCause};

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// Why a response could not be completed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The handler, its response body, or the drop of either panicked.
    #[error("the handler panicked: {0}")]
    Panic(String),
    /// The service returned an error instead of a response.
    #[error("the service failed: {}", ErrorChain(&**.0))]
    Service(BoxError),
    /// The service's `poll_ready` returned an error.
    #[error("the service is not ready: {}", ErrorChain(&**.0))]
    ServiceNotReady(BoxError),
    /// The response's body returned an error.
    #[error("the response's body failed: {}", ErrorChain(&**.0))]
    Body(BoxError),
    #[error("the response's body ended {missing} bytes short of its Content-Length")]
    BodyTooShort { missing: u64 },
    /// The bytes beyond the Content-Length were not sent.
    #[error("the response's body is longer than its Content-Length")]
    BodyTooLong,
    /// CGI cannot carry the response's head.
    #[error("the response cannot be sent over CGI: {0}")]
    Head(&'static str),
    /// STDIN ended before the 101 was sent, or other requests share the connection.
    #[error("the web server does not carry the upgrade")]
    UpgradeRefused,
    #[error("the request's unread body blocked other requests of its connection for too long")]
    BodyNotConsumed,
    #[error("request timed out while reading the body")]
    BodyStalled,
    #[error("the request's body is larger than the limit")]
    BodyTooLarge,
    #[error("request timed out")]
    Timeout,
    #[error("request timed out while reading the head")]
    HeadTimeout,
    /// The request is invalid for `http`, or exceeds a limit.
    #[error("the request cannot be served: {1}")]
    Request(StatusCode, &'static str),
}

impl Failure {
    /// The status of the error response, if the head was not sent. The cause is only logged, not sent to the client.
    pub(crate) const fn status(&self) -> StatusCode {
        match self {
            Self::Panic(_)
            | Self::Service(_)
            | Self::Body(_)
            | Self::BodyTooShort { .. }
            | Self::BodyTooLong
            | Self::Head(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::ServiceNotReady(_) | Self::BodyNotConsumed | Self::Timeout => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UpgradeRefused => StatusCode::UPGRADE_REQUIRED,
            Self::HeadTimeout | Self::BodyStalled => StatusCode::REQUEST_TIMEOUT,
            Self::Request(status, _) => *status,
        }
    }

    /// The failure for the counters.
    pub(crate) const fn recorded(&self) -> RecordedFailure {
        let cause = match self {
            Self::Panic(_) => Cause::Failure(FailureCause::Panicked),
            Self::Service(_) => Cause::Failure(FailureCause::ServiceError),
            Self::ServiceNotReady(_) => Cause::Failure(FailureCause::NotReady),
            Self::Body(_) | Self::BodyTooShort { .. } | Self::BodyTooLong => {
                Cause::Failure(FailureCause::BodyError)
            }
            Self::Head(_) => Cause::Failure(FailureCause::InvalidHead),
            Self::UpgradeRefused => Cause::Failure(FailureCause::UpgradeRefused),
            Self::BodyTooLarge => Cause::Failure(FailureCause::BodyTooLarge),
            Self::Request(..) => Cause::Failure(FailureCause::InvalidRequest),
            Self::BodyNotConsumed => Cause::Timeout(TimeoutCause::BodyStall),
            Self::BodyStalled => Cause::Timeout(TimeoutCause::Body),
            Self::Timeout => Cause::Timeout(TimeoutCause::Request),
            Self::HeadTimeout => Cause::Timeout(TimeoutCause::Head),
        };
        RecordedFailure { status: self.status().as_u16(), cause }
    }

    /// Whether the peer caused the failure, which is then logged at a lower level.
    pub(crate) const fn is_client_error(&self) -> bool {
        matches!(
            self,
            Self::Request(..)
                | Self::HeadTimeout
                | Self::BodyStalled
                | Self::BodyTooLarge
                | Self::UpgradeRefused
        )
    }
}

impl From<RequestError> for Failure {
    fn from(RequestError(status, reason): RequestError) -> Self {
        Self::Request(status, reason)
    }
}

impl From<ResponseError> for Failure {
    fn from(ResponseError(reason): ResponseError) -> Self {
        Self::Head(reason)
    }
}

/// Formats an error and its sources on one line. Skips a source if the text so far ends with it: many errors include the text
/// of their source.
struct ErrorChain<'a>(&'a dyn Error);

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.0.to_string();
        let mut source = self.0.source();
        while let Some(error) = source {
            let more = error.to_string();
            if !ends_with(&text, &more) {
                text.push_str(": ");
                text.push_str(&more);
            }
            source = error.source();
        }
        f.write_str(&text)
    }
}

/// Whether `text` ends with these words.
fn ends_with(text: &str, words: &str) -> bool {
    let before = text.strip_suffix(words);
    before.is_some_and(|before| !before.ends_with(char::is_alphanumeric) || words.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error with this text and this source.
    #[derive(Debug)]
    struct Link(&'static str, Option<Box<Self>>);

    impl fmt::Display for Link {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Link {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|error| error as _)
        }
    }

    #[test]
    fn a_source_that_was_told_is_not_repeated() {
        for (texts, expected) in [
            (&["failed"][..], "failed"),
            (&["failed", "mid", "leaf"], "failed: mid: leaf"),
            (&["failed: mid", "mid"], "failed: mid"),
            (&["failed: mid: leaf", "mid: leaf", "leaf"], "failed: mid: leaf"),
            (&["failed (mid)", "mid"], "failed (mid): mid"),
            (&["failed: mid", "mid", "leaf"], "failed: mid: leaf"),
            (&["failed: mid", "mid", "mid"], "failed: mid"),
            (&["mid", "mid"], "mid"),
            (&["failed", "", "leaf"], "failed: leaf"),
            (&["error 15", "5"], "error 15: 5"),
            (&["mid failed", "mid"], "mid failed: mid"),
        ] {
            let mut chain = None;
            for text in texts.iter().rev() {
                chain = Some(Box::new(Link(text, chain)));
            }
            assert_eq!(ErrorChain(&*chain.unwrap()).to_string(), expected, "{texts:?}");
        }
    }
}
