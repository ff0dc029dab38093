//! The key of a request.

/// The key of one request of one connection.
///
/// Unlike a [`RequestId`](crate::RequestId) on the wire, a key is not reused: once its request is over, every command with
/// it fails with [`UserError::RequestClosed`](crate::UserError::RequestClosed).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestKey {
    /// First, so that keys are ordered by age.
    pub(crate) generation: u32,
    pub(crate) slot: u32,
}
