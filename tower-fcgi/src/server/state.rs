//! The states of a connection, and all transitions between them.
//!
//! ```text
//!           on_request                  on_turn_end
//!   New ────────────────► Active ◄──────────────────────► Idle, Unfinished
//!    │                      │                                   │
//!    └──────────────────────┼───────────────────────────────────┘
//!                           │ on_eof
//!                           ▼
//!                       HalfClosed
//!
//!   any of these
//!    │ close
//!    ▼
//!   Flushing ── LingeringClose: on_shut_down ──► Lingering
//!    │                                               │
//!    │ Close, Reset: on_flushed                      │ on_eof, end_linger
//!    └─────────────────────► Closed ◄────────────────┘
//! ```
//!
//! A state without the called transition does not change. This file does no I/O and reads no clock: the driver calls the
//! transitions, and acts on the new state.

use fcgi_core::server::CloseAction;

use super::activity::Activity;

/// The state of a connection, from accept to close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// No request was received yet.
    New,
    /// Requests are in flight, or output waits to be written.
    Active,
    /// A kept connection between two requests.
    Idle,
    /// As [`Idle`](Self::Idle), but the input of an answered request has not ended yet.
    Unfinished,
    /// The web server has shut down its write side. Requests in flight are still answered.
    HalfClosed,
    /// All requests are answered. Writes the rest of the output, and discards input: a web server that sends the complete
    /// body before it reads (mod_fcgid) would otherwise never read that output.
    Flushing {
        /// How to close after the last byte of output.
        then: CloseAction,
        input: DiscardedInput,
    },
    /// The write side is shut down. Discards input until the web server closes.
    Lingering {
        /// Bytes that may still be discarded.
        budget: u64,
    },
    /// Closed: nothing is left to do.
    Closed,
}

/// Input that is received while a connection closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DiscardedInput {
    /// More may come; `budget` bytes of it may be discarded.
    Open { budget: u64 },
    /// The web server has shut down its write side.
    Ended,
}

/// The error of discarding more input than the budget allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BudgetExceeded;

impl State {
    /// A request was received, accepted or not.
    pub(super) const fn on_request(&mut self) {
        if matches!(self, Self::New | Self::Idle | Self::Unfinished) {
            *self = Self::Active;
        }
    }

    /// A turn has ended, after which a close would interrupt `activity`. Returns whether an active connection has become
    /// idle.
    ///
    /// A new connection stays new: a close would lose the request for which the web server has opened it.
    #[inline]
    pub(super) fn on_turn_end(&mut self, activity: Activity) -> bool {
        let next = match activity {
            Activity::Busy | Activity::Lingering => Self::Active,
            Activity::Idle => Self::Idle,
            Activity::Unfinished => Self::Unfinished,
        };
        match self {
            Self::Active => {
                *self = next;
                next != Self::Active
            }
            Self::Idle | Self::Unfinished => {
                *self = next;
                false
            }
            _ => false,
        }
    }

    /// The web server has shut down its write side.
    pub(super) const fn on_eof(&mut self) {
        match self {
            Self::New | Self::Active | Self::Idle | Self::Unfinished => *self = Self::HalfClosed,
            Self::Flushing { input, .. } => *input = DiscardedInput::Ended,
            Self::Lingering { .. } => *self = Self::Closed,
            Self::HalfClosed | Self::Closed => {}
        }
    }

    /// Begins the close. `budget`: bytes of input that may be discarded from now on.
    pub(super) const fn close(&mut self, then: CloseAction, budget: u64) {
        let input = match self {
            Self::New | Self::Active | Self::Idle | Self::Unfinished => DiscardedInput::Open { budget },
            Self::HalfClosed => DiscardedInput::Ended,
            Self::Flushing { .. } | Self::Lingering { .. } | Self::Closed => return,
        };
        *self = Self::Flushing { then, input };
    }

    /// All output was written and flushed. After a [`CloseAction::LingeringClose`], the write side is shut down next.
    pub(super) const fn on_flushed(&mut self) {
        if matches!(self, Self::Flushing { then: CloseAction::Close | CloseAction::Reset, .. }) {
            *self = Self::Closed;
        }
    }

    /// The write side was shut down.
    pub(super) const fn on_shut_down(&mut self) {
        if let Self::Flushing { then: CloseAction::LingeringClose, input } = self {
            *self = match *input {
                DiscardedInput::Open { budget } => Self::Lingering { budget },
                DiscardedInput::Ended => Self::Closed,
            };
        }
    }

    /// Input was discarded while the connection closes.
    pub(super) const fn on_discarded(&mut self, bytes: u64) -> Result<(), BudgetExceeded> {
        let (Self::Flushing { input: DiscardedInput::Open { budget }, .. } | Self::Lingering { budget }) =
            self
        else {
            return Ok(());
        };
        match budget.checked_sub(bytes) {
            Some(rest) => {
                *budget = rest;
                Ok(())
            }
            None => Err(BudgetExceeded),
        }
    }

    /// Stops waiting for the rest of the input.
    pub(super) const fn end_linger(&mut self) {
        if matches!(self, Self::Flushing { .. } | Self::Lingering { .. }) {
            *self = Self::Closed;
        }
    }

    /// Whether requests are served: the close has not begun.
    pub(super) const fn is_open(self) -> bool {
        !matches!(self, Self::Flushing { .. } | Self::Lingering { .. } | Self::Closed)
    }

    /// Whether the web server has shut down its write side.
    pub(super) const fn is_input_ended(self) -> bool {
        matches!(self, Self::HalfClosed | Self::Flushing { input: DiscardedInput::Ended, .. } | Self::Closed)
    }

    /// What a close would interrupt. `None` if that does not change in this state: the time since the last response
    /// continues from [`Unfinished`](Self::Unfinished) to [`Lingering`](Self::Lingering).
    pub(super) const fn activity(self) -> Option<Activity> {
        match self {
            Self::New | Self::Active | Self::HalfClosed => Some(Activity::Busy),
            Self::Idle => Some(Activity::Idle),
            Self::Unfinished => Some(Activity::Unfinished),
            Self::Flushing { then: CloseAction::LingeringClose, .. } | Self::Closed => None,
            Self::Flushing { then: CloseAction::Close | CloseAction::Reset, .. } => Some(Activity::Busy),
            Self::Lingering { .. } => Some(Activity::Lingering),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLUSHING: State = flushing(CloseAction::LingeringClose, DiscardedInput::Open { budget: 10 });
    const LINGERING: State = State::Lingering { budget: 10 };

    const fn flushing(then: CloseAction, input: DiscardedInput) -> State {
        State::Flushing { then, input }
    }

    /// Applies a transition to each of these states.
    fn after<const N: usize>(states: [State; N], transition: impl Fn(&mut State)) -> [State; N] {
        states.map(|mut state| {
            transition(&mut state);
            state
        })
    }

    #[test]
    fn a_request_makes_a_connection_active() {
        use State::{Active, Closed, HalfClosed, Idle, New, Unfinished};
        assert_eq!(after([New, Idle, Unfinished, Active], State::on_request), [Active; 4]);
        let others = [HalfClosed, FLUSHING, LINGERING, Closed];
        assert_eq!(after(others, State::on_request), others);
    }

    #[test]
    fn a_turn_end_makes_an_active_connection_idle() {
        use State::{Active, Idle, Unfinished};
        for (activity, next) in [(Activity::Idle, Idle), (Activity::Unfinished, Unfinished)] {
            let mut state = Active;
            assert!(state.on_turn_end(activity), "it has become idle");
            assert_eq!(state, next);
            assert!(!state.on_turn_end(activity), "it was idle before");
            assert_eq!(state, next);
        }
        for mut state in [Active, Idle, Unfinished] {
            assert!(!state.on_turn_end(Activity::Busy));
            assert_eq!(state, Active);
        }
    }

    #[test]
    fn a_new_connection_is_not_idle() {
        for state in [State::New, State::HalfClosed, FLUSHING, LINGERING, State::Closed] {
            let mut next = state;
            assert!(!next.on_turn_end(Activity::Idle));
            assert_eq!(next, state);
        }
    }

    #[test]
    fn eof_half_closes_an_open_connection() {
        use State::{Active, HalfClosed, Idle, New, Unfinished};
        assert_eq!(after([New, Active, Idle, Unfinished, HalfClosed], State::on_eof), [HalfClosed; 5]);
    }

    #[test]
    fn eof_ends_the_linger_but_not_the_flush() {
        let ended = flushing(CloseAction::LingeringClose, DiscardedInput::Ended);
        assert_eq!(after([FLUSHING, ended], State::on_eof), [ended; 2]);
        assert_eq!(after([LINGERING, State::Closed], State::on_eof), [State::Closed; 2]);
    }

    #[test]
    fn a_close_flushes_first() {
        use State::{Active, HalfClosed, Idle, New, Unfinished};
        let close = |state: &mut State| state.close(CloseAction::LingeringClose, 10);
        assert_eq!(after([New, Active, Idle, Unfinished], close), [FLUSHING; 4]);
        let ended = flushing(CloseAction::LingeringClose, DiscardedInput::Ended);
        assert_eq!(after([HalfClosed], close), [ended]);
        let closing = [flushing(CloseAction::Close, DiscardedInput::Ended), LINGERING, State::Closed];
        assert_eq!(after(closing, close), closing, "it has begun before");
    }

    #[test]
    fn a_flushed_connection_closes_or_lingers() {
        for then in [CloseAction::Close, CloseAction::Reset] {
            let state = flushing(then, DiscardedInput::Open { budget: 10 });
            assert_eq!(after([state], State::on_flushed), [State::Closed]);
            assert_eq!(after([state], State::on_shut_down), [state]);
        }
        assert_eq!(after([FLUSHING], State::on_flushed), [FLUSHING]);
        assert_eq!(after([FLUSHING], State::on_shut_down), [LINGERING]);
        let ended = flushing(CloseAction::LingeringClose, DiscardedInput::Ended);
        assert_eq!(after([ended], State::on_shut_down), [State::Closed]);
    }

    #[test]
    fn discarded_input_has_a_budget() {
        for state in [FLUSHING, LINGERING] {
            let mut state = state;
            assert_eq!(state.on_discarded(4), Ok(()));
            assert_eq!(state.on_discarded(6), Ok(()));
            assert_eq!(state.on_discarded(1), Err(BudgetExceeded));
        }
    }

    #[test]
    fn a_linger_can_be_cut_short() {
        assert_eq!(after([FLUSHING, LINGERING], State::end_linger), [State::Closed; 2]);
        assert_eq!(after([State::Active], State::end_linger), [State::Active]);
    }

    #[test]
    fn a_lingering_close_keeps_the_activity() {
        assert_eq!(State::New.activity(), Some(Activity::Busy));
        assert_eq!(State::Unfinished.activity(), Some(Activity::Unfinished));
        assert_eq!(FLUSHING.activity(), None);
        assert_eq!(LINGERING.activity(), Some(Activity::Lingering));
        let reset = flushing(CloseAction::Reset, DiscardedInput::Ended);
        assert_eq!(reset.activity(), Some(Activity::Busy));
        assert!(reset.is_input_ended() && !reset.is_open());
    }
}
