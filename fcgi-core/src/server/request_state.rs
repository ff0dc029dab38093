//! The life of one request: two half-states, and every transition between them.
//!
//! Two halves, because the answer may start, and end, before the input has (FastCGI §6.2).
//!
//! ```text
//!  input (what the web server may still send)
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
//!  output (what the application may send)
//!
//!            params_end               end
//!  Waiting ────────────────▶ Open ────────────▶ Ended
//!     │        refuse         ▲ │                 ▲
//!     ├───────────────────────┘ │ fail            │
//!     │                         ▼                 │
//!     │                      Failed               │
//!     └───────────────────────────────────────────┘
//!        reject, or abort: answered without the application
//! ```
//!
//! The request leaves the connection's table when the input is `Ended` or `Aborted` and the output is
//! `Ended`. Neither half ends the other: a body ends on its terminal record alone, an answer on `end` alone.

use crate::error::{ProtocolErrorKind, UserError};
use crate::record::Role;

/// What the web server may still send for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecvState {
    /// PARAMS, up to the empty one.
    Params,
    /// STDIN, up to the empty one.
    Stdin,
    /// DATA, up to the empty one; STDIN has ended.
    Data,
    /// Nothing: every stream has ended.
    Ended,
    /// Nothing: the request was given up before that.
    Aborted,
}

/// What the application may send for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendState {
    /// Nothing yet: the application has not been told of the request.
    Waiting,
    /// STDOUT, STDERR and the end.
    Open,
    /// Nothing: END_REQUEST was sent.
    Ended,
    /// Nothing, and END_REQUEST must not be sent either: the answer is cut off.
    Failed,
}

/// What is to become of a legal record's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordAction {
    /// It belongs to the request.
    Deliver,
    /// The request is answered; this is what was still under way.
    Ignore,
}

/// What an ABORT_REQUEST asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AbortAction {
    /// The application never heard of the request: it is ended here.
    EndNow,
    /// The application ends it (§5.4: the answer is "truly a response from the application").
    Notify,
    /// It was answered before; the two records crossed.
    Ignore,
}

/// The two half-states of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestState {
    role: Role,
    recv: RecvState,
    send: SendState,
}

impl RequestState {
    /// BEGIN_REQUEST was received.
    pub(crate) const fn begin(role: Role) -> Self {
        Self { role, recv: RecvState::Params, send: SendState::Waiting }
    }

    pub(crate) const fn role(&self) -> Role {
        self.role
    }

    pub(crate) const fn input(&self) -> RecvState {
        self.recv
    }

    pub(crate) const fn output(&self) -> SendState {
        self.send
    }

    /// Whether the application owes an answer, or will when the PARAMS are there.
    pub(crate) const fn is_active(&self) -> bool {
        matches!(self.send, SendState::Waiting | SendState::Open)
    }

    /// Whether nothing is left to be received or sent, so that the id is free again.
    pub(crate) const fn is_over(&self) -> bool {
        matches!((self.recv, self.send), (RecvState::Ended | RecvState::Aborted, SendState::Ended))
    }

    // What the web server sends.

    /// PARAMS with content.
    pub(crate) const fn params(&self) -> Result<RecordAction, ProtocolErrorKind> {
        match (self.recv, self.send) {
            (RecvState::Params, SendState::Waiting) => Ok(RecordAction::Deliver),
            // Refused or answered while they came.
            (RecvState::Params, _) | (RecvState::Aborted, _) => Ok(RecordAction::Ignore),
            _ => self.unless_answered(ProtocolErrorKind::ParamsAfterEnd),
        }
    }

    /// The empty PARAMS record. `Keep`: the application is told of the request now.
    pub(crate) const fn params_end(&mut self) -> Result<RecordAction, ProtocolErrorKind> {
        let RecvState::Params = self.recv else {
            // An end after the end says nothing new.
            return Ok(RecordAction::Ignore);
        };
        // FastCGI §6.3: an authorizer has no STDIN. Apache and lighttpd do not send its end either.
        self.recv = if matches!(self.role, Role::AUTHORIZER) { RecvState::Ended } else { RecvState::Stdin };
        if matches!(self.send, SendState::Waiting) {
            self.send = SendState::Open;
            Ok(RecordAction::Deliver)
        } else {
            Ok(RecordAction::Ignore)
        }
    }

    /// STDIN with content.
    pub(crate) const fn stdin(&self) -> Result<RecordAction, ProtocolErrorKind> {
        match (self.recv, self.role) {
            (RecvState::Stdin, _) => self.while_open(),
            (RecvState::Aborted, _) => Ok(RecordAction::Ignore),
            (RecvState::Params, _) => self.unless_answered(ProtocolErrorKind::StdinBeforeParamsEnd),
            // FastCGI §6.3: there is none; a web server that sends it all the same is not told so.
            (_, Role::AUTHORIZER) => Ok(RecordAction::Ignore),
            _ => self.unless_answered(ProtocolErrorKind::StreamAfterEnd),
        }
    }

    /// The empty STDIN record.
    pub(crate) const fn stdin_end(&mut self) -> Result<RecordAction, ProtocolErrorKind> {
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
    pub(crate) const fn data(&self) -> Result<RecordAction, ProtocolErrorKind> {
        match (self.recv, self.role) {
            (RecvState::Data, _) => self.while_open(),
            (RecvState::Aborted, _) => Ok(RecordAction::Ignore),
            (RecvState::Ended, Role::FILTER) => self.unless_answered(ProtocolErrorKind::StreamAfterEnd),
            _ => self.unless_answered(ProtocolErrorKind::UnexpectedData),
        }
    }

    /// The empty DATA record.
    pub(crate) const fn data_end(&mut self) -> Result<RecordAction, ProtocolErrorKind> {
        match (self.recv, self.role) {
            (RecvState::Data, _) => {
                self.recv = RecvState::Ended;
                self.while_open()
            }
            (RecvState::Aborted, _) | (RecvState::Ended, Role::FILTER) => Ok(RecordAction::Ignore),
            _ => self.unless_answered(ProtocolErrorKind::UnexpectedData),
        }
    }

    /// ABORT_REQUEST. The web server sends nothing more for this request.
    pub(crate) const fn abort(&mut self) -> AbortAction {
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
    pub(crate) const fn check_writable(&self) -> Result<(), UserError> {
        match self.send {
            SendState::Open => Ok(()),
            SendState::Waiting => Err(UserError::StreamNotOpen),
            SendState::Ended | SendState::Failed => Err(UserError::RequestClosed),
        }
    }

    /// END_REQUEST.
    pub(crate) const fn end_request(&mut self) -> Result<(), UserError> {
        match self.check_writable() {
            Ok(()) => self.send = SendState::Ended,
            Err(misuse) => return Err(misuse),
        }
        Ok(())
    }

    /// The answer is cut off: no END_REQUEST will make it look whole.
    pub(crate) const fn abort_response(&mut self) -> Result<(), UserError> {
        match self.check_writable() {
            Ok(()) => self.send = SendState::Failed,
            Err(misuse) => return Err(misuse),
        }
        Ok(())
    }

    /// The application may answer although the PARAMS have not ended; what is still to come of them is
    /// dropped.
    pub(crate) const fn reject(&mut self) -> Result<(), UserError> {
        match self.send {
            SendState::Waiting => {
                self.send = SendState::Open;
                Ok(())
            }
            SendState::Open | SendState::Ended | SendState::Failed => Err(UserError::RequestClosed),
        }
    }

    /// The request is answered at its BEGIN_REQUEST, without the application.
    pub(crate) const fn answered_at_begin(&mut self) {
        if matches!(self.send, SendState::Waiting) {
            self.send = SendState::Ended;
        }
    }

    const fn while_open(&self) -> Result<RecordAction, ProtocolErrorKind> {
        match self.send {
            SendState::Open => Ok(RecordAction::Deliver),
            SendState::Waiting | SendState::Ended | SendState::Failed => Ok(RecordAction::Ignore),
        }
    }

    /// After the answer the web server may be in the middle of anything (Apache begins the next request in
    /// the middle of the last one's STDIN), so order is a rule for live requests alone.
    const fn unless_answered(&self, rule: ProtocolErrorKind) -> Result<RecordAction, ProtocolErrorKind> {
        match self.send {
            SendState::Waiting | SendState::Open => Err(rule),
            SendState::Ended | SendState::Failed => Ok(RecordAction::Ignore),
        }
    }
}

#[cfg(test)]
mod tests;
