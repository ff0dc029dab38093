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

use crate::error::{Misuse, Rule};
use crate::record::Role;

/// What the web server may still send for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
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
pub(crate) enum Output {
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
pub(crate) enum Content {
    /// It belongs to the request.
    Keep,
    /// The request is answered; this is what was still under way.
    Drop,
}

/// What an ABORT_REQUEST asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Abort {
    /// The application never heard of the request: it is ended here.
    EndHere,
    /// The application ends it (§5.4: the answer is "truly a response from the application").
    TellApplication,
    /// It was answered before; the two records crossed.
    Ignore,
}

/// The two half-states of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request {
    role: Role,
    input: Input,
    output: Output,
}

impl Request {
    /// BEGIN_REQUEST was received.
    pub(crate) const fn begin(role: Role) -> Self {
        Self { role, input: Input::Params, output: Output::Waiting }
    }

    pub(crate) const fn role(&self) -> Role {
        self.role
    }

    pub(crate) const fn input(&self) -> Input {
        self.input
    }

    pub(crate) const fn output(&self) -> Output {
        self.output
    }

    /// Whether the application owes an answer, or will when the PARAMS are there.
    pub(crate) const fn is_live(&self) -> bool {
        matches!(self.output, Output::Waiting | Output::Open)
    }

    /// Whether nothing is left to be received or sent, so that the id is free again.
    pub(crate) const fn is_over(&self) -> bool {
        matches!((self.input, self.output), (Input::Ended | Input::Aborted, Output::Ended))
    }

    // What the web server sends.

    /// PARAMS with content.
    pub(crate) const fn params(&self) -> Result<Content, Rule> {
        match (self.input, self.output) {
            (Input::Params, Output::Waiting) => Ok(Content::Keep),
            // Refused or answered while they came.
            (Input::Params, _) | (Input::Aborted, _) => Ok(Content::Drop),
            _ => self.unless_answered(Rule::ParamsAfterEnd),
        }
    }

    /// The empty PARAMS record. `Keep`: the application is told of the request now.
    pub(crate) const fn params_end(&mut self) -> Result<Content, Rule> {
        let Input::Params = self.input else {
            // An end after the end says nothing new.
            return Ok(Content::Drop);
        };
        // FastCGI §6.3: an authorizer has no STDIN. Apache and lighttpd do not send its end either.
        self.input = if matches!(self.role, Role::AUTHORIZER) { Input::Ended } else { Input::Stdin };
        if matches!(self.output, Output::Waiting) {
            self.output = Output::Open;
            Ok(Content::Keep)
        } else {
            Ok(Content::Drop)
        }
    }

    /// STDIN with content.
    pub(crate) const fn stdin(&self) -> Result<Content, Rule> {
        match (self.input, self.role) {
            (Input::Stdin, _) => self.while_open(),
            (Input::Aborted, _) => Ok(Content::Drop),
            (Input::Params, _) => self.unless_answered(Rule::StdinBeforeParamsEnd),
            // FastCGI §6.3: there is none; a web server that sends it all the same is not told so.
            (_, Role::AUTHORIZER) => Ok(Content::Drop),
            _ => self.unless_answered(Rule::StreamAfterEnd),
        }
    }

    /// The empty STDIN record.
    pub(crate) const fn stdin_end(&mut self) -> Result<Content, Rule> {
        match self.input {
            Input::Stdin => {
                self.input = if matches!(self.role, Role::FILTER) { Input::Data } else { Input::Ended };
                self.while_open()
            }
            Input::Params => self.unless_answered(Rule::StdinBeforeParamsEnd),
            Input::Data | Input::Ended | Input::Aborted => Ok(Content::Drop),
        }
    }

    /// DATA with content.
    pub(crate) const fn data(&self) -> Result<Content, Rule> {
        match (self.input, self.role) {
            (Input::Data, _) => self.while_open(),
            (Input::Aborted, _) => Ok(Content::Drop),
            (Input::Ended, Role::FILTER) => self.unless_answered(Rule::StreamAfterEnd),
            _ => self.unless_answered(Rule::DataOutOfPlace),
        }
    }

    /// The empty DATA record.
    pub(crate) const fn data_end(&mut self) -> Result<Content, Rule> {
        match (self.input, self.role) {
            (Input::Data, _) => {
                self.input = Input::Ended;
                self.while_open()
            }
            (Input::Aborted, _) | (Input::Ended, Role::FILTER) => Ok(Content::Drop),
            _ => self.unless_answered(Rule::DataOutOfPlace),
        }
    }

    /// ABORT_REQUEST. The web server sends nothing more for this request.
    pub(crate) const fn abort(&mut self) -> Abort {
        if !matches!(self.input, Input::Ended) {
            self.input = Input::Aborted;
        }
        match self.output {
            Output::Waiting => {
                self.output = Output::Ended;
                Abort::EndHere
            }
            Output::Open => Abort::TellApplication,
            Output::Ended | Output::Failed => Abort::Ignore,
        }
    }

    // What the application sends.

    /// STDOUT or STDERR, with or without content.
    pub(crate) const fn answer(&self) -> Result<(), Misuse> {
        match self.output {
            Output::Open => Ok(()),
            Output::Waiting => Err(Misuse::TooEarly),
            Output::Ended | Output::Failed => Err(Misuse::Gone),
        }
    }

    /// END_REQUEST.
    pub(crate) const fn end(&mut self) -> Result<(), Misuse> {
        match self.answer() {
            Ok(()) => self.output = Output::Ended,
            Err(misuse) => return Err(misuse),
        }
        Ok(())
    }

    /// The answer is cut off: no END_REQUEST will make it look whole.
    pub(crate) const fn fail(&mut self) -> Result<(), Misuse> {
        match self.answer() {
            Ok(()) => self.output = Output::Failed,
            Err(misuse) => return Err(misuse),
        }
        Ok(())
    }

    /// The application may answer although the PARAMS have not ended; what is still to come of them is
    /// dropped.
    pub(crate) const fn refuse(&mut self) -> Result<(), Misuse> {
        match self.output {
            Output::Waiting => {
                self.output = Output::Open;
                Ok(())
            }
            Output::Open | Output::Ended | Output::Failed => Err(Misuse::Gone),
        }
    }

    /// The request is answered at its BEGIN_REQUEST, without the application.
    pub(crate) const fn reject(&mut self) {
        if matches!(self.output, Output::Waiting) {
            self.output = Output::Ended;
        }
    }

    const fn while_open(&self) -> Result<Content, Rule> {
        match self.output {
            Output::Open => Ok(Content::Keep),
            Output::Waiting | Output::Ended | Output::Failed => Ok(Content::Drop),
        }
    }

    /// After the answer the web server may be in the middle of anything (Apache begins the next request in
    /// the middle of the last one's STDIN), so order is a rule for live requests alone.
    const fn unless_answered(&self, rule: Rule) -> Result<Content, Rule> {
        match self.output {
            Output::Waiting | Output::Open => Err(rule),
            Output::Ended | Output::Failed => Ok(Content::Drop),
        }
    }
}

#[cfg(test)]
mod tests;
