//! What can go wrong, by culprit: the peer ([`Violation`]) or the caller ([`Misuse`]).

use core::error::Error;
use core::fmt;

use crate::record::RequestId;

/// The peer broke a rule of the protocol. The connection cannot be used any further: what follows on the
/// wire may mean anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Violation {
    /// The rule that was broken.
    pub rule: Rule,
    /// The id that the offending record carried.
    pub id: RequestId,
}

/// A rule of the protocol that a peer can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// §3.3: the version is 1.
    Version,
    /// §3.3: a management record carries the null id, every other record does not.
    RequestId,
    /// §3.3: this type of record is sent by the other side.
    Direction,
    /// §5.1: the content of BEGIN_REQUEST is 8 bytes.
    BeginLength,
    /// §5.1: an id is not begun again while its request is being answered.
    BeginTwice,
    /// §5.2: PARAMS come before every other stream, and not after their end.
    ParamsAfterEnd,
    /// §3.4: a name-value pair is whole when its stream ends.
    PairTruncated,
    /// §6.2: STDIN comes after the end of PARAMS.
    StdinBeforeParamsEnd,
    /// §3.3: nothing follows the empty record that ends a stream.
    StreamAfterEnd,
    /// §6.4: DATA comes after the end of STDIN, and to a Filter alone.
    DataOutOfPlace,
    /// §4.1: the query, or its answer, fits the bound on management records.
    ManagementLength,
    /// §3.3: an application's record carries the id of a request that is under way.
    UnknownRequest,
    /// §5.5: the content of END_REQUEST is 8 bytes.
    EndLength,
    /// §4.2: the content of UNKNOWN_TYPE is 8 bytes.
    UnknownTypeLength,
}

impl Rule {
    const fn text(self) -> &'static str {
        match self {
            Self::Version => "the version is not 1 (FastCGI §3.3)",
            Self::RequestId => {
                "a record's id is null where it must not be, or not null where it must be (FastCGI §3.3)"
            }
            Self::Direction => "a record of a type that only the other side sends (FastCGI §3.3)",
            Self::BeginLength => "the content of BEGIN_REQUEST is not 8 bytes (FastCGI §5.1)",
            Self::BeginTwice => {
                "BEGIN_REQUEST on the id of a request that is still being answered (FastCGI §5.1)"
            }
            Self::ParamsAfterEnd => "PARAMS after the end of PARAMS (FastCGI §5.2)",
            Self::PairTruncated => "PARAMS end inside a name-value pair (FastCGI §3.4)",
            Self::StdinBeforeParamsEnd => "STDIN before the end of PARAMS (FastCGI §6.2)",
            Self::StreamAfterEnd => "bytes of a stream after the record that ended it (FastCGI §3.3)",
            Self::DataOutOfPlace => "DATA before the end of STDIN, or in a role without DATA (FastCGI §6.4)",
            Self::ManagementLength => "a management record longer than the limit (FastCGI §4.1)",
            Self::UnknownRequest => "an answer to a request that is not under way (FastCGI §3.3)",
            Self::EndLength => "the content of END_REQUEST is not 8 bytes (FastCGI §5.5)",
            Self::UnknownTypeLength => "the content of UNKNOWN_TYPE is not 8 bytes (FastCGI §4.2)",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "protocol violation in a record of request id {}: {}", self.id, self.rule)
    }
}

impl Error for Violation {}

/// The caller asked for something that the state of the request or the connection does not allow. Nothing
/// was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// The key's request is over: it was ended, failed, or given up by the web server and ended.
    Gone,
    /// The request's PARAMS have not ended, so nothing may answer it yet; or, on the web server's side, the
    /// stream that comes before has not.
    TooEarly,
    /// The stream was ended before.
    StreamEnded,
    /// As many requests are under way as may be.
    Full,
    /// The connection takes no further request.
    Closing,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "the request is over",
            Self::TooEarly => "the stream that has to come before has not ended",
            Self::StreamEnded => "the stream was ended before",
            Self::Full => "as many requests are under way as may be",
            Self::Closing => "the connection takes no further request",
        })
    }
}

impl Error for Misuse {}
