//! The states of a connection.
//!
//! ```text
//!          stop_accepting (requests in flight)
//!   Open ──────────────────────────────────────▶ Draining
//!     │                                              │
//!     │ stop_accepting (idle), close                 │ stop_accepting (idle), close
//!     └────────────────▶ Closed ◀────────────────────┘
//! ```

/// Whether a connection accepts requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Open,
    /// Accepts no more requests. Closes after those in flight.
    Draining,
    Closed,
}

impl State {
    /// Stops accepting requests. `idle`: no request is in flight, so the connection closes.
    pub(super) const fn stop_accepting(&mut self, idle: bool) {
        match self {
            Self::Open | Self::Draining if idle => *self = Self::Closed,
            Self::Open => *self = Self::Draining,
            Self::Draining | Self::Closed => {}
        }
    }

    pub(super) const fn close(&mut self) {
        *self = Self::Closed;
    }

    pub(super) const fn is_open(self) -> bool {
        matches!(self, Self::Open)
    }

    pub(super) const fn is_closed(self) -> bool {
        matches!(self, Self::Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(mut state: State, transition: impl FnOnce(&mut State)) -> State {
        transition(&mut state);
        state
    }

    #[test]
    fn an_open_connection_with_requests_drains() {
        assert_eq!(after(State::Open, |state| state.stop_accepting(false)), State::Draining);
    }

    #[test]
    fn an_open_idle_connection_closes() {
        assert_eq!(after(State::Open, |state| state.stop_accepting(true)), State::Closed);
    }

    #[test]
    fn an_open_connection_can_be_closed() {
        assert_eq!(after(State::Open, State::close), State::Closed);
    }

    #[test]
    fn a_draining_connection_closes_once_idle() {
        assert_eq!(after(State::Draining, |state| state.stop_accepting(false)), State::Draining);
        assert_eq!(after(State::Draining, |state| state.stop_accepting(true)), State::Closed);
    }

    #[test]
    fn a_draining_connection_can_be_closed() {
        assert_eq!(after(State::Draining, State::close), State::Closed);
    }

    #[test]
    fn a_closed_connection_stays_closed() {
        assert_eq!(after(State::Closed, |state| state.stop_accepting(false)), State::Closed);
        assert_eq!(after(State::Closed, |state| state.stop_accepting(true)), State::Closed);
        assert_eq!(after(State::Closed, State::close), State::Closed);
    }
}
