//! The progress of a step of the driver.

/// The progress of one step: decides whether the driver runs another turn or waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Something changed: another step may make progress.
    Made,
    /// No progress is possible now, and wakers are registered for everything that can change this.
    Blocked,
    /// Nothing is left to do.
    Finished,
}

impl Progress {
    /// Turns `Finished` into `Blocked`, for a step that had something to do and made no progress.
    pub(super) const fn or_blocked(self) -> Self {
        match self {
            Self::Made => Self::Made,
            Self::Blocked | Self::Finished => Self::Blocked,
        }
    }
}
