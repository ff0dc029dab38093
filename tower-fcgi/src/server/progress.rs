//! What a step of the driver achieved.

/// The outcome of one step. It decides whether the driver takes another turn, and when it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Something changed: another step may find more to do.
    Made,
    /// Nothing can be done now, and a waker is registered for everything that can go on.
    Blocked,
    /// Nothing is left to do.
    Finished,
}

impl Progress {
    /// `Blocked` for a step that had something to do and did nothing of it.
    pub(super) const fn or_blocked(self) -> Self {
        match self {
            Self::Made => Self::Made,
            Self::Blocked | Self::Finished => Self::Blocked,
        }
    }
}
