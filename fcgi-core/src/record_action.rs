//! How a connection treats a legal record.

/// How a connection treats the content of a legal record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordAction {
    /// Pass it on: the request is active.
    Deliver,
    /// Drop it: the request is answered or aborted, and this record was already on its way.
    Ignore,
}
