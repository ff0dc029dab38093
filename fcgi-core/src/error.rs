//! Errors by culprit: the peer ([`ProtocolError`]) or the caller ([`UserError`]).

use thiserror::Error;

use crate::record::{ForeignProtocol, RequestId};

/// A violation of the protocol by the peer.
///
/// The connection cannot be used for further input: the meaning of the bytes that follow is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[error("protocol error in a record with request id {request_id}: {kind}")]
pub struct ProtocolError {
    pub(crate) kind: ProtocolErrorKind,
    pub(crate) request_id: RequestId,
}

impl ProtocolError {
    /// The rule that the peer broke.
    #[must_use]
    pub const fn kind(&self) -> ProtocolErrorKind {
        self.kind
    }

    /// The request id of the offending record.
    #[must_use]
    pub const fn request_id(&self) -> RequestId {
        self.request_id
    }
}

/// A rule of the protocol that a peer can break.
///
/// ```
/// use fcgi_core::server::Connection;
/// use fcgi_core::{ProtocolError, ProtocolErrorKind, RequestId};
/// let mut connection = Connection::new(Default::default());
/// // STDOUT, which only an application sends.
/// let error: ProtocolError = connection.receive(b"\x01\x06\x00\x01\x00\x00\x00\x00").unwrap_err();
/// assert_eq!((error.kind(), error.request_id()), (ProtocolErrorKind::WrongDirection, RequestId(1)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ProtocolErrorKind {
    /// §3.3: the version must be 1.
    #[error("the version is not 1 (FastCGI §3.3)")]
    InvalidVersion,
    /// §3.3: the version must be 1. The bytes are those of another protocol.
    #[error("the peer speaks {0} instead of FastCGI")]
    ForeignProtocol(ForeignProtocol),
    /// §3.3: management records have the null id, and no other record has it.
    #[error("a management record has a request id, or another record has none (FastCGI §3.3)")]
    InvalidRequestId,
    /// §3.3: only the other side sends records of this type.
    #[error("only the other side sends records of this type (FastCGI §3.3)")]
    WrongDirection,
    /// §5.1: the content of BEGIN_REQUEST has 8 bytes.
    #[error("the content of BEGIN_REQUEST does not have 8 bytes (FastCGI §5.1)")]
    InvalidBeginLength,
    /// §5.1: the id of an active request must not be used for another one.
    #[error("BEGIN_REQUEST with the id of an active request (FastCGI §5.1)")]
    DuplicateRequestId,
    /// §5.2: PARAMS precede every other stream, and nothing of them follows their end.
    #[error("PARAMS after the end of PARAMS (FastCGI §5.2)")]
    ParamsAfterEnd,
    /// §3.4: the last name-value pair must be complete when its stream ends.
    #[error("PARAMS or values end inside a name-value pair (FastCGI §3.4)")]
    TruncatedPair,
    /// §6.2: STDIN follows the end of PARAMS.
    #[error("STDIN before the end of PARAMS (FastCGI §6.2)")]
    StdinBeforeParamsEnd,
    /// §3.3: an empty record ends a stream.
    #[error("content of a stream after the empty record that ended it (FastCGI §3.3)")]
    StreamAfterEnd,
    /// §6.4: DATA follows the end of STDIN, and only a Filter receives it.
    #[error("DATA before the end of STDIN, or for a role other than Filter (FastCGI §6.4)")]
    UnexpectedData,
    /// §4.1: GET_VALUES and its result must not exceed the limit on management records.
    #[error("a management record exceeds the limit (FastCGI §4.1)")]
    ManagementTooLong,
    /// §3.3: an application's record must carry the id of an active request.
    #[error("a record of an application for a request that is not active (FastCGI §3.3)")]
    UnknownRequest,
    /// §5.5: the content of END_REQUEST has 8 bytes.
    #[error("the content of END_REQUEST does not have 8 bytes (FastCGI §5.5)")]
    InvalidEndLength,
    /// §4.2: the content of UNKNOWN_TYPE has 8 bytes.
    #[error("the content of UNKNOWN_TYPE does not have 8 bytes (FastCGI §4.2)")]
    InvalidUnknownTypeLength,
}

/// A call that the state of the request or the connection does not allow. It changed nothing.
///
/// ```
/// use fcgi_core::client::{Config, Connection};
/// use fcgi_core::{Role, UserError};
/// let mut connection = Connection::new(Config::new());
/// let request = connection.begin(Role::RESPONDER, false)?;
/// assert_eq!(connection.stdin(request, b"too early"), Err(UserError::StreamNotOpen));
/// # Ok::<_, UserError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum UserError {
    /// The request is closed: ended, cut off, or (for the web server's side) aborted.
    #[error("the request is closed")]
    RequestClosed,
    /// The stream is not open yet: an application can respond once PARAMS have ended, and a web server can
    /// send a stream once the one before has ended.
    #[error("the stream is not open yet: the stream before it has not ended")]
    StreamNotOpen,
    /// The stream has already ended.
    #[error("the stream has already ended")]
    StreamEnded,
    /// The limit on concurrent requests is reached.
    #[error("the limit on concurrent requests is reached")]
    TooManyRequests,
    /// The connection accepts no further requests.
    #[error("the connection accepts no further requests")]
    ConnectionClosing,
    /// An encoded name-value pair is longer than [`MAX_PAIR_LEN`](crate::MAX_PAIR_LEN) bytes, so no record holds it whole.
    #[error("a name-value pair is longer than a record")]
    PairTooLong,
}
