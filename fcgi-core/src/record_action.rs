//! What a connection does with a legal record.

/// What a connection does with the content of a legal record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordAction {
    /// Pass it on: the request is active.
    Deliver,
    /// Drop it: the request is answered or aborted, and this record was already on its way.
    Ignore,
}
