//! The activity of a connection: what a close would interrupt.

use fcgi_core::server::{Connection, EndOfInput};

/// The activity of a connection: what a close would interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activity {
    /// A request in flight, a request that is about to come, or unwritten output.
    Busy,
    /// Nothing.
    Idle,
    /// The rest of an answered request's input.
    Unfinished,
    /// As `Unfinished`, on a connection that accepts no further requests.
    Lingering,
}

impl Activity {
    /// The activity of an open connection, as far as the protocol knows.
    #[inline]
    pub(super) fn of(protocol: &Connection) -> Self {
        if protocol.active_requests() > 0 || protocol.output_len() > 0 {
            Self::Busy
        } else if protocol.is_idle() {
            if protocol.half_closed_requests() == 0 { Self::Idle } else { Self::Unfinished }
        } else if protocol.end_of_input() == EndOfInput::Clean {
            // Inside a record of an answered request.
            Self::Unfinished
        } else {
            Self::Busy
        }
    }
}
