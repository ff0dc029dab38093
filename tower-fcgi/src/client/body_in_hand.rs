//! Marks a request whose body does not depend on its caller.

/// An extension of a request: its body is complete, but reading it may take a moment, as from a file.
///
/// If the caller leaves, such a request is sent completely all the same. Without it, a request is aborted as soon as its body
/// is pending.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BodyInHand;
