//! What can go wrong, by culprit: the peer ([`ProtocolError`]) or the caller ([`UserError`]).

use core::error::Error;
use core::fmt;

use crate::record::RequestId;

/// The peer broke a rule of the protocol. The connection cannot be used any further: what follows on the
/// wire may mean anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProtocolError {
    /// The rule that was broken.
    pub kind: ProtocolErrorKind,
    /// The id that the offending record carried.
    pub request_id: RequestId,
}

/// A rule of the protocol that a peer can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProtocolErrorKind {
    /// §3.3: the version is 1.
    InvalidVersion,
    /// §3.3: a management record carries the null id, every other record does not.
    InvalidRequestId,
    /// §3.3: this type of record is sent by the other side.
    WrongDirection,
    /// §5.1: the content of BEGIN_REQUEST is 8 bytes.
    InvalidBeginLength,
    /// §5.1: an id is not begun again while its request is being answered.
    DuplicateRequestId,
    /// §5.2: PARAMS come before every other stream, and not after their end.
    ParamsAfterEnd,
    /// §3.4: a name-value pair is whole when its stream ends.
    TruncatedPair,
    /// §6.2: STDIN comes after the end of PARAMS.
    StdinBeforeParamsEnd,
    /// §3.3: nothing follows the empty record that ends a stream.
    StreamAfterEnd,
    /// §6.4: DATA comes after the end of STDIN, and to a Filter alone.
    UnexpectedData,
    /// §4.1: the query, or its answer, fits the bound on management records.
    ManagementTooLong,
    /// §3.3: an application's record carries the id of a request that is under way.
    UnknownRequest,
    /// §5.5: the content of END_REQUEST is 8 bytes.
    InvalidEndLength,
    /// §4.2: the content of UNKNOWN_TYPE is 8 bytes.
    InvalidUnknownTypeLength,
}

impl ProtocolErrorKind {
    const fn text(self) -> &'static str {
        match self {
            Self::InvalidVersion => "the version is not 1 (FastCGI §3.3)",
            Self::InvalidRequestId => {
                "a record's id is null where it must not be, or not null where it must be (FastCGI §3.3)"
            }
            Self::WrongDirection => "a record of a type that only the other side sends (FastCGI §3.3)",
            Self::InvalidBeginLength => "the content of BEGIN_REQUEST is not 8 bytes (FastCGI §5.1)",
            Self::DuplicateRequestId => {
                "BEGIN_REQUEST on the id of a request that is still being answered (FastCGI §5.1)"
            }
            Self::ParamsAfterEnd => "PARAMS after the end of PARAMS (FastCGI §5.2)",
            Self::TruncatedPair => "PARAMS end inside a name-value pair (FastCGI §3.4)",
            Self::StdinBeforeParamsEnd => "STDIN before the end of PARAMS (FastCGI §6.2)",
            Self::StreamAfterEnd => "bytes of a stream after the record that ended it (FastCGI §3.3)",
            Self::UnexpectedData => "DATA before the end of STDIN, or in a role without DATA (FastCGI §6.4)",
            Self::ManagementTooLong => "a management record longer than the limit (FastCGI §4.1)",
            Self::UnknownRequest => "an answer to a request that is not under way (FastCGI §3.3)",
            Self::InvalidEndLength => "the content of END_REQUEST is not 8 bytes (FastCGI §5.5)",
            Self::InvalidUnknownTypeLength => "the content of UNKNOWN_TYPE is not 8 bytes (FastCGI §4.2)",
        }
    }
}

impl fmt::Display for ProtocolErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "protocol violation in a record of request id {}: {}", self.request_id, self.kind)
    }
}

impl Error for ProtocolError {}

/// The caller asked for something that the state of the request or the connection does not allow. Nothing
/// was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UserError {
    /// The key's request is over: it was ended, failed, or given up by the web server and ended.
    RequestClosed,
    /// The request's PARAMS have not ended, so nothing may answer it yet; or, on the web server's side, the
    /// stream that comes before has not.
    StreamNotOpen,
    /// The stream was ended before.
    StreamEnded,
    /// As many requests are under way as may be.
    TooManyRequests,
    /// The connection takes no further request.
    ConnectionClosing,
}

impl fmt::Display for UserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RequestClosed => "the request is over",
            Self::StreamNotOpen => "the stream that has to come before has not ended",
            Self::StreamEnded => "the stream was ended before",
            Self::TooManyRequests => "as many requests are under way as may be",
            Self::ConnectionClosing => "the connection takes no further request",
        })
    }
}

impl Error for UserError {}
