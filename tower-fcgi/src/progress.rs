//! The progress of a step of a driver.

use std::ops::{BitOr, BitOrAssign};

/// The progress of one step, from most to least: decides whether a driver takes another turn or waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[must_use]
pub(crate) enum Progress {
    /// Something changed: another step may make progress.
    Made,
    /// No progress is possible now, and wakers are registered for everything that can change this.
    Blocked,
    /// Nothing is left to do.
    Finished,
}

impl Progress {
    pub(crate) const fn is_made(self) -> bool {
        matches!(self, Self::Made)
    }

    /// Turns `Finished` into `Blocked`, for a step that had something to do and made no progress.
    #[cfg(feature = "server")]
    pub(crate) const fn or_blocked(self) -> Self {
        match self {
            Self::Made => Self::Made,
            Self::Blocked | Self::Finished => Self::Blocked,
        }
    }
}

/// The combined progress of two steps.
impl BitOr for Progress {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.min(other)
    }
}

impl BitOrAssign for Progress {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_progress_is_progress() {
        use Progress::{Blocked, Finished, Made};
        assert_eq!([Made | Blocked, Finished | Made, Made | Made], [Made; 3]);
        assert_eq!([Blocked | Finished, Finished | Blocked, Blocked | Blocked], [Blocked; 3]);
        assert_eq!(Finished | Finished, Finished);
    }
}
