//! What closing a connection would interrupt.

/// What closing a connection would interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activity {
    /// A request in flight, a request that is about to come, or unwritten output.
    Busy,
    /// Nothing.
    Idle,
    /// The rest of an answered request's input.
    Unfinished,
    /// The same, and the connection accepts no further requests.
    Lingering,
}
