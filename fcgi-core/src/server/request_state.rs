//! The states of one request, and every transition between them.
//!
//! Input and output have a state each, because the response may start and end before the input does (FastCGI §6.2).
//!
//! ```text
//!  recv (what the web server may still send)
//!
//!            PARAMS            STDIN                 DATA
//!             ┌──┐              ┌──┐                 ┌──┐
//!   BEGIN     │  ▼   params_end │  ▼   stdin_end     │  ▼  data_end
//!  ────────▶ Params ─────────▶ Stdin ─────────────▶ Data ──────────▶ Ended
//!               │                 │      (Filter)                     ▲ ▲
//!               │                 └───────────────────────────────────┘ │
//!               │                        stdin_end (Responder)          │
//!               └───────────────────────────────────────────────────────┘
//!                        params_end (Authorizer)
//!
//!  Params, Stdin, Data ──── abort ───▶ Aborted
//!
//!  send (what the application may send)
//!
//!            params_end           end_request
//!  Waiting ────────────────▶ Open ────────────▶ Ended
//!     │        reject         ▲ │                 ▲
//!     ├───────────────────────┘ │ abort_response  │
//!     │                         ▼                 │
//!     │                      Failed               │
//!     └───────────────────────────────────────────┘
//!        answered_at_begin, or abort: answered without the application
//! ```
//!
//! The request is over when `recv` is `Ended` or `Aborted` and `send` is `Ended`. Neither ends the other: a body ends
//! only at its empty record, a response only with `end_request`.

use crate::error::{ProtocolErrorKind, UserError};
use crate::record::Role;
use crate::record_action::RecordAction;

/// What the web server may still send for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecvState {
    /// PARAMS, up to the empty one.
    Params,
    /// STDIN, up to the empty one.
    Stdin,
    /// DATA, up to the empty one; STDIN has ended.
    Data,
    /// Nothing: every stream has ended.
    Ended,
    /// Nothing: the request was aborted before.
    Aborted,
}

/// What the application may send for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SendState {
    /// Nothing yet: the request was not reported to the application.
    Waiting,
    /// STDOUT, STDERR and END_REQUEST.
    Open,
    /// Nothing: END_REQUEST was sent.
    Ended,
    /// Nothing, not even END_REQUEST: the response is cut off.
    Failed,
}

/// What a connection does with ABORT_REQUEST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AbortAction {
    /// End the request: it was not reported to the application.
    EndNow,
    /// Notify the application, which ends the request (§5.4: END_REQUEST is "truly a response from the application").
    Notify,
    /// Nothing: the request is answered. ABORT_REQUEST and END_REQUEST crossed.
    Ignore,
}

/// The state of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RequestState {
    role: Role,
    recv: RecvState,
    send: SendState,
}

impl RequestState {
    /// The state after BEGIN_REQUEST.
    pub(super) const fn begin(role: Role) -> Self {
        Self { role, recv: RecvState::Params, send: SendState::Waiting }
    }

    pub(super) const fn role(&self) -> Role {
        self.role
    }

    pub(super) const fn recv_state(&self) -> RecvState {
        self.recv
    }

    pub(super) const fn send_state(&self) -> SendState {
        self.send
    }

    /// Whether the request is not answered yet.
    pub(super) const fn is_active(&self) -> bool {
        matches!(self.send, SendState::Waiting | SendState::Open)
    }

    /// Whether nothing remains to be received or sent.
    pub(super) const fn is_over(&self) -> bool {
        matches!((self.recv, self.send), (RecvState::Ended | RecvState::Aborted, SendState::Ended))
    }

    // What the web server sends.

    /// PARAMS with content.
    pub(super) const fn params(&self) -> Result<RecordAction, ProtocolErrorKind> {
        match (self.recv, self.send) {
            (RecvState::Params, SendState::Waiting) => Ok(RecordAction::Deliver),
            // Rejected or answered before their end.
            (RecvState::Params, _) | (RecvState::Aborted, _) => Ok(RecordAction::Ignore),
            _ => self.unless_answered(ProtocolErrorKind::ParamsAfterEnd),
        }
    }

    /// The empty PARAMS record. `Deliver`: report the request to the application.
    pub(super) const fn params_end(&mut self) -> Result<RecordAction, ProtocolErrorKind> {
        let RecvState::Params = self.recv else {
            // Ignore a repeated end.
            return Ok(RecordAction::Ignore);
        };
        // FastCGI §6.3: an Authorizer has no STDIN. Apache and lighttpd do not send its end either.
        self.recv = if matches!(self.role, Role::AUTHORIZER) { RecvState::Ended } else { RecvState::Stdin };
        if matches!(self.send, SendState::Waiting) {
            self.send = SendState::Open;
            Ok(RecordAction::Deliver)
        } else {
            Ok(RecordAction::Ignore)
        }
    }

    /// STDIN with content.
    pub(super) const fn stdin(&self) -> Result<RecordAction, ProtocolErrorKind> {
        match (self.recv, self.role) {
            (RecvState::Stdin, _) => self.while_open(),
            (RecvState::Aborted, _) => Ok(RecordAction::Ignore),
            (RecvState::Params, _) => self.unless_answered(ProtocolErrorKind::StdinBeforeParamsEnd),
            // FastCGI §6.3: an Authorizer has no STDIN; ignore it if sent.
            (_, Role::AUTHORIZER) => Ok(RecordAction::Ignore),
            _ => self.unless_answered(ProtocolErrorKind::StreamAfterEnd),
        }
    }

    /// The empty STDIN record.
    pub(super) const fn stdin_end(&mut self) -> Result<RecordAction, ProtocolErrorKind> {
        match self.recv {
            RecvState::Stdin => {
                self.recv =
                    if matches!(self.role, Role::FILTER) { RecvState::Data } else { RecvState::Ended };
                self.while_open()
            }
            RecvState::Params => self.unless_answered(ProtocolErrorKind::StdinBeforeParamsEnd),
            RecvState::Data | RecvState::Ended | RecvState::Aborted => Ok(RecordAction::Ignore),
        }
    }

    /// DATA with content.
    pub(super) const fn data(&self) -> Result<RecordAction, ProtocolErrorKind> {
        match (self.recv, self.role) {
            (RecvState::Data, _) => self.while_open(),
            (RecvState::Aborted, _) => Ok(RecordAction::Ignore),
            (RecvState::Ended, Role::FILTER) => self.unless_answered(ProtocolErrorKind::StreamAfterEnd),
            _ => self.unless_answered(ProtocolErrorKind::UnexpectedData),
        }
    }

    /// The empty DATA record.
    pub(super) const fn data_end(&mut self) -> Result<RecordAction, ProtocolErrorKind> {
        match (self.recv, self.role) {
            (RecvState::Data, _) => {
                self.recv = RecvState::Ended;
                self.while_open()
            }
            (RecvState::Aborted, _) | (RecvState::Ended, Role::FILTER) => Ok(RecordAction::Ignore),
            _ => self.unless_answered(ProtocolErrorKind::UnexpectedData),
        }
    }

    /// ABORT_REQUEST (§5.4). The web server sends nothing more for this request.
    pub(super) const fn abort(&mut self) -> AbortAction {
        if !matches!(self.recv, RecvState::Ended) {
            self.recv = RecvState::Aborted;
        }
        match self.send {
            SendState::Waiting => {
                self.send = SendState::Ended;
                AbortAction::EndNow
            }
            SendState::Open => AbortAction::Notify,
            SendState::Ended | SendState::Failed => AbortAction::Ignore,
        }
    }

    // What the application sends.

    /// STDOUT or STDERR, with or without content.
    pub(super) const fn check_writable(&self) -> Result<(), UserError> {
        match self.send {
            SendState::Open => Ok(()),
            SendState::Waiting => Err(UserError::StreamNotOpen),
            SendState::Ended | SendState::Failed => Err(UserError::RequestClosed),
        }
    }

    /// END_REQUEST.
    pub(super) const fn end_request(&mut self) -> Result<(), UserError> {
        match self.check_writable() {
            Ok(()) => self.send = SendState::Ended,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Cuts the response off: END_REQUEST will not be sent.
    pub(super) const fn abort_response(&mut self) -> Result<(), UserError> {
        match self.check_writable() {
            Ok(()) => self.send = SendState::Failed,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Lets the application respond before the end of PARAMS. The rest of the PARAMS is dropped.
    pub(super) const fn reject(&mut self) -> Result<(), UserError> {
        match self.send {
            SendState::Waiting => {
                self.send = SendState::Open;
                Ok(())
            }
            SendState::Open | SendState::Ended | SendState::Failed => Err(UserError::RequestClosed),
        }
    }

    /// Marks the request as answered by the connection itself, at BEGIN_REQUEST.
    pub(super) const fn answered_at_begin(&mut self) {
        if matches!(self.send, SendState::Waiting) {
            self.send = SendState::Ended;
        }
    }

    /// Delivers content only while the application can respond.
    const fn while_open(&self) -> Result<RecordAction, ProtocolErrorKind> {
        match self.send {
            SendState::Open => Ok(RecordAction::Deliver),
            SendState::Waiting | SendState::Ended | SendState::Failed => Ok(RecordAction::Ignore),
        }
    }

    /// Enforces the order of records only for active requests: after the response the web server may stop anywhere.
    /// Apache begins the next request in the middle of the last one's STDIN.
    const fn unless_answered(&self, error: ProtocolErrorKind) -> Result<RecordAction, ProtocolErrorKind> {
        match self.send {
            SendState::Waiting | SendState::Open => Err(error),
            SendState::Ended | SendState::Failed => Ok(RecordAction::Ignore),
        }
    }
}

#[cfg(test)]
mod tests;
