//! Identifies a request from its begin to its end.

/// Identifies one request of one connection. Unlike an id on the wire, a key is not reused: once its request
/// is over, every call with it fails with [`UserError::RequestClosed`](crate::UserError::RequestClosed).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestKey {
    /// First, so that keys are ordered by age.
    pub(crate) generation: u32,
    pub(crate) slot: u32,
}
