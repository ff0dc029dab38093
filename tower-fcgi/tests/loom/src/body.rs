//! The cell, compiled from tower-fcgi's source.

/// Why a body fails: only those of tower-fcgi's reasons that the cell itself uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Aborted,
    Over,
}

#[path = "../../../src/body/channel.rs"]
#[expect(dead_code, reason = "accessors are not tested here")]
pub(crate) mod cell;
