//! What names a request from its begin to its end and never again.

/// Names one request of one connection. Unlike its id on the wire it does not come back: a key whose request
/// is over stays dead, and every call with it says [`UserError::RequestClosed`](crate::UserError::RequestClosed).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestKey {
    /// First, so that keys are ordered by age.
    pub(crate) generation: u32,
    pub(crate) slot: u32,
}
