//! The state of a received stream.

/// The state of a received stream: whether more bytes may come after those that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamState {
    /// More bytes may come.
    Open,
    /// The peer has ended the stream, or the request: what was read is all of it.
    Ended,
    /// The web server aborted the request (FastCGI §5.4): what was read may be incomplete.
    Aborted,
}
