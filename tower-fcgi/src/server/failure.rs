//! Everything that keeps an answer from being completed, and what the web server is told of it.

use std::any::Any;
use std::error::Error;
use std::fmt;

use http::StatusCode;

use crate::cgi::{RequestError, ResponseError};

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// Why there is no whole answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The handler, its response body, or the drop of either panicked.
    Panic(String),
    /// The service gave an error instead of a response.
    Service(BoxError),
    /// The service's `poll_ready` gave an error.
    ServiceNotReady(BoxError),
    /// The response's body gave an error.
    Body(BoxError),
    /// The response's body ended before its Content-Length.
    BodyTooShort { missing: u64 },
    /// The response's body goes on after its Content-Length.
    BodyTooLong,
    /// The response's head is one that CGI cannot carry.
    Head(&'static str),
    /// The request's unread body held up the other requests of its connection for too long.
    BodyNotConsumed,
    /// Nothing of the request's body came for too long.
    BodyStalled,
    /// The request's body is larger than it may be.
    BodyTooLarge,
    /// The request took longer than it may.
    Timeout,
    /// The request's head did not come in time.
    HeadTimeout,
    /// The request is one that `http` or the limits cannot carry.
    Request(StatusCode, &'static str),
}

impl Failure {
    /// From what `catch_unwind` caught.
    pub(crate) fn panic(payload: &(dyn Any + Send)) -> Self {
        let text = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
            (Some(text), _) => (*text).to_owned(),
            (None, Some(text)) => text.clone(),
            (None, None) => "with a value that is no text".to_owned(),
        };
        Self::Panic(text)
    }

    /// What the client is told where the head has not gone out. It says nothing of the cause, which is
    /// nobody's business but the log's.
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
            Self::HeadTimeout | Self::BodyStalled => StatusCode::REQUEST_TIMEOUT,
            Self::Request(status, _) => *status,
        }
    }

    /// Whether the peer is to blame, so that the application's own log need not be alarmed.
    pub(crate) const fn is_client_error(&self) -> bool {
        matches!(self, Self::Request(..) | Self::HeadTimeout | Self::BodyStalled | Self::BodyTooLarge)
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

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panic(text) => write!(f, "the handler panicked: {text}"),
            Self::Service(error) => write!(f, "the service failed: {}", ErrorChain(&**error)),
            Self::ServiceNotReady(error) => write!(f, "the service is not ready: {}", ErrorChain(&**error)),
            Self::Body(error) => write!(f, "the response's body failed: {}", ErrorChain(&**error)),
            Self::BodyTooShort { missing } => {
                write!(f, "the response's body ended {missing} bytes short of its Content-Length")
            }
            Self::BodyTooLong => f.write_str("the response's body is longer than its Content-Length"),
            Self::Head(reason) => write!(f, "the response cannot be sent over CGI: {reason}"),
            Self::BodyNotConsumed => {
                f.write_str("the request's unread body held up other requests for too long")
            }
            Self::BodyStalled => f.write_str("nothing of the request's body came for too long"),
            Self::BodyTooLarge => f.write_str("the request's body is larger than the limit"),
            Self::Timeout => f.write_str("the request took longer than it may"),
            Self::HeadTimeout => f.write_str("the request's head did not come in time"),
            Self::Request(_, reason) => write!(f, "the request cannot be served: {reason}"),
        }
    }
}

/// An error and its sources on one line. A source that the text before it ends with is not repeated: many
/// errors have their source's text in their own.
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

/// Whether the last words of a text are these.
fn ends_with(text: &str, words: &str) -> bool {
    let before = text.strip_suffix(words);
    before.is_some_and(|before| !before.ends_with(char::is_alphanumeric) || words.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text, and the errors behind it.
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
