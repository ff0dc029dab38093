//! The cell, as it is in tower-fcgi.

/// Why a body breaks off: as many of tower-fcgi's reasons as the cell itself names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Aborted,
    Over,
}

#[path = "../../../src/body/channel.rs"]
#[expect(dead_code, reason = "what only looks is not tried here")]
pub(crate) mod cell;
