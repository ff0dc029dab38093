//! The states of one request of a web server, and every transition between them.
//!
//! ```text
//!  send (what the web server may still send)
//!
//!           params          stdin           data
//!            ┌──┐            ┌──┐            ┌──┐
//!   BEGIN    │  ▼ params_end │  ▼ stdin_end  │  ▼ data_end
//!  ───────▶ Params ───────▶ Stdin ────────▶ Data ─────────▶ Ended
//!             │               │    (Filter)                  ▲ ▲
//!             │               └──────────────────────────────┘ │
//!             │                    stdin_end (Responder)       │
//!             └────────────────────────────────────────────────┘
//!                           params_end (Authorizer)
//!
//!  Params, Stdin, Data, Ended ──── abort ───▶ Aborted
//!
//!  recv (what the application may still send)
//!
//!       stdout, stderr      stderr
//!            ┌──┐            ┌──┐
//!   BEGIN    │  ▼ stdout_end │  ▼     end
//!  ───────▶ Open ────────▶ StdoutEnded ────▶ Over
//!             │                              ▲
//!             └──────────────────────────────┘
//!                            end
//! ```
//!
//! Once `recv` is `Over`, nothing more may be sent either. Streams that have not ended are ended then, since the
//! application may wait for that.

use crate::error::{ProtocolErrorKind, UserError};
use crate::record::{RecordType, Role};
use crate::record_action::RecordAction;

/// What the web server may still send for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SendState {
    /// PARAMS, up to the empty one.
    Params,
    /// STDIN, up to the empty one.
    Stdin,
    /// DATA, up to the empty one; STDIN has ended.
    Data,
    /// Nothing but ABORT_REQUEST: every stream has ended.
    Ended,
    /// Nothing: the request was aborted.
    Aborted,
}

/// What the application may still send for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RecvState {
    /// STDOUT, STDERR and END_REQUEST.
    Open,
    /// STDERR and END_REQUEST.
    StdoutEnded,
    /// Nothing.
    Over,
}

/// The state of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RequestState {
    role: Role,
    send: SendState,
    recv: RecvState,
}

impl RequestState {
    /// The state after BEGIN_REQUEST.
    pub(super) const fn begin(role: Role) -> Self {
        Self { role, send: SendState::Params, recv: RecvState::Open }
    }

    /// Whether END_REQUEST is still to come.
    pub(super) const fn is_active(&self) -> bool {
        !matches!(self.recv, RecvState::Over)
    }

    /// Whether STDOUT is completely received.
    pub(super) const fn stdout_ended(&self) -> bool {
        !matches!(self.recv, RecvState::Open)
    }

    pub(super) fn params(&self) -> Result<(), UserError> {
        self.check_open(SendState::Params)
    }

    pub(super) fn params_end(&mut self) -> Result<(), UserError> {
        self.params()?;
        // FastCGI §6.3: an Authorizer has no STDIN.
        self.send = if self.role == Role::AUTHORIZER { SendState::Ended } else { SendState::Stdin };
        Ok(())
    }

    pub(super) fn stdin(&self) -> Result<(), UserError> {
        self.check_open(SendState::Stdin)
    }

    pub(super) fn stdin_end(&mut self) -> Result<(), UserError> {
        self.stdin()?;
        // FastCGI §6.4: DATA follows STDIN.
        self.send = if self.role == Role::FILTER { SendState::Data } else { SendState::Ended };
        Ok(())
    }

    pub(super) fn data(&self) -> Result<(), UserError> {
        self.check_open(SendState::Data)
    }

    pub(super) fn data_end(&mut self) -> Result<(), UserError> {
        self.data()?;
        self.send = SendState::Ended;
        Ok(())
    }

    /// ABORT_REQUEST (§5.4). Also after all streams have ended: clients usually disconnect while they wait.
    pub(super) fn abort(&mut self) -> Result<(), UserError> {
        if !self.is_active() || self.send == SendState::Aborted {
            return Err(UserError::RequestClosed);
        }
        self.send = SendState::Aborted;
        Ok(())
    }

    /// STDOUT with content.
    pub(super) fn stdout(&self) -> Result<RecordAction, ProtocolErrorKind> {
        match self.recv {
            RecvState::Open => Ok(self.record_action()),
            RecvState::StdoutEnded | RecvState::Over => Err(ProtocolErrorKind::StreamAfterEnd),
        }
    }

    /// The empty STDOUT record. A repeated one is ignored.
    pub(super) fn stdout_end(&mut self) {
        if self.recv == RecvState::Open {
            self.recv = RecvState::StdoutEnded;
        }
    }

    /// STDERR with content. Its end is not tracked: no reader of a log waits for it.
    pub(super) fn stderr(&self) -> RecordAction {
        self.record_action()
    }

    /// END_REQUEST. Returns the streams to end now, in order.
    pub(super) fn end(&mut self) -> impl Iterator<Item = RecordType> + use<> {
        let ended = match self.send {
            SendState::Params => 0,
            SendState::Stdin => 1,
            SendState::Data => 2,
            SendState::Ended | SendState::Aborted => 3,
        };
        let streams = match self.role {
            Role::AUTHORIZER => 1,
            Role::FILTER => 3,
            _ => 2,
        };
        self.recv = RecvState::Over;
        let all = [RecordType::PARAMS, RecordType::STDIN, RecordType::DATA];
        all.into_iter().take(streams).skip(ended)
    }

    fn check_open(&self, stream: SendState) -> Result<(), UserError> {
        let order = |state| match state {
            SendState::Params => 0,
            SendState::Stdin => 1,
            SendState::Data => 2,
            SendState::Ended | SendState::Aborted => 3,
        };
        if !self.is_active() || self.send == SendState::Aborted {
            Err(UserError::RequestClosed)
        } else if self.send == stream {
            Ok(())
        } else if order(self.send) < order(stream) {
            Err(UserError::StreamNotOpen)
        } else {
            Err(UserError::StreamEnded)
        }
    }

    /// The response to an aborted request is dropped.
    fn record_action(&self) -> RecordAction {
        if self.send == SendState::Aborted { RecordAction::Ignore } else { RecordAction::Deliver }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const ROLES: [Role; 4] = [Role::RESPONDER, Role::AUTHORIZER, Role::FILTER, Role(9)];

    fn after(role: Role, ends: usize) -> RequestState {
        let mut request = RequestState::begin(role);
        let steps = [RequestState::params_end, RequestState::stdin_end, RequestState::data_end];
        for step in steps.iter().take(ends) {
            step(&mut request).unwrap();
        }
        request
    }

    #[test]
    fn each_role_has_its_streams_in_their_order() {
        for (role, streams) in ROLES.into_iter().zip([2, 1, 3, 2]) {
            for ended in 0..=streams {
                let mut request = after(role, ended);
                let results = [request.params(), request.stdin(), request.data()];
                for (stream, result) in results.into_iter().enumerate() {
                    let expected = match stream {
                        _ if ended == streams => Err(UserError::StreamEnded),
                        _ if stream < ended => Err(UserError::StreamEnded),
                        _ if stream > ended => Err(UserError::StreamNotOpen),
                        _ => Ok(()),
                    };
                    assert_eq!(result, expected, "{role:?}, {ended} ended, stream {stream}");
                }
                let all = [RecordType::PARAMS, RecordType::STDIN, RecordType::DATA];
                assert_eq!(request.end().collect::<Vec<_>>(), all[ended..streams]);
            }
        }
    }

    #[test]
    fn nothing_is_sent_after_an_abort_or_the_end() {
        for ended in 0..=2 {
            let mut aborted = after(Role::RESPONDER, ended);
            aborted.abort().unwrap();
            let mut over = after(Role::RESPONDER, ended);
            over.end().count();
            for mut request in [aborted, over] {
                let results = [request.params(), request.stdin(), request.data(), request.abort()];
                assert_eq!(results, [Err(UserError::RequestClosed); 4]);
                assert_eq!([request.params_end(), request.stdin_end()], [Err(UserError::RequestClosed); 2]);
            }
            assert_eq!(aborted.end().count(), 0, "an aborted request owes no end");
        }
    }

    #[test]
    fn stdout_ends_once_and_stderr_never() {
        let mut request = RequestState::begin(Role::RESPONDER);
        assert_eq!(request.stdout(), Ok(RecordAction::Deliver));
        request.stdout_end();
        request.stdout_end();
        assert_eq!(
            (request.stdout(), request.stderr()),
            (Err(ProtocolErrorKind::StreamAfterEnd), RecordAction::Deliver)
        );
        assert!(request.is_active() && request.stdout_ended());
    }

    #[test]
    fn a_response_after_an_abort_is_dropped() {
        let mut request = RequestState::begin(Role::RESPONDER);
        request.abort().unwrap();
        assert_eq!((request.stdout(), request.stderr()), (Ok(RecordAction::Ignore), RecordAction::Ignore));
        request.stdout_end();
        assert!(request.is_active());
    }
}
