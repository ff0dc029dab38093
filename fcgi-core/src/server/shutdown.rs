//! When and how the connection ends.

use super::{Connection, Shutdown};

/// How to end a connection whose requests are all answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseAction {
    /// Nothing more is to come of any request: write the output, then close.
    Close,
    /// The web server may still be sending a body that nobody reads. Write the output, shut the write side
    /// down so that the web server sees the end at once, read and drop its bytes until its end of stream for
    /// a bounded time, then close. To close at once would reset the connection and could destroy the answer
    /// on its way.
    LingeringClose,
    /// An answer was cut off: write the output, then close such that the peer sees an error, with a reset
    /// where the transport has one.
    Reset,
}

/// What the end of the web server's stream has cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndOfInput {
    /// Nothing: it came between requests, or after the answer to whatever was still being sent.
    Clean,
    /// A record that does not belong to an answered request.
    InRecord,
    /// The PARAMS of a request.
    InParams,
    /// A request that is being answered: what nginx does when its client goes away.
    InRequest,
}

impl Connection {
    /// Whether, and how, the connection is to be ended now: the last request's KEEP_CONN was clear (FastCGI
    /// §5.1), or [`close`](Self::stop_accepting) was called, or a limit asks for it, or an answer was [cut
    /// off](Self::abort_response) or [abandoned](Self::abandon_response), or the web server broke a rule; and no request is
    /// alive.
    #[must_use]
    pub fn close_action(&self) -> Option<CloseAction> {
        if self.active > 0 {
            return None;
        }
        match self.shutdown {
            Shutdown::Reset => Some(CloseAction::Reset),
            _ if self.protocol_error.is_some() => Some(CloseAction::LingeringClose),
            Shutdown::None if self.keep_conn => None,
            Shutdown::None | Shutdown::WhenIdle | Shutdown::Graceful => Some(self.graceful_close()),
        }
    }

    /// Takes no further request; those that are alive are served to their end, after which
    /// [`should_close`](Self::close_action) says how to go on. A request that still comes is answered as
    /// [`Config::overload_response`](super::Config::overload_response) says.
    pub fn stop_accepting(&mut self) {
        if self.shutdown.accepts_requests() {
            self.shutdown = Shutdown::Graceful;
        }
    }

    /// Whether nothing is under way: no request is alive, the web server is not in the middle of a record,
    /// and nothing waits to be written. An answered request whose input has not ended does not count.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.active == 0 && self.decoder.is_between_records() && self.output.is_empty()
    }

    /// What it means that the web server's stream ends here.
    #[must_use]
    pub fn end_of_input(&self) -> EndOfInput {
        if !self.incomplete_heads.is_empty() {
            EndOfInput::InParams
        } else if self.active > 0 {
            EndOfInput::InRequest
        } else if self.decoder.is_between_records() || self.decoder.is_in_padding() || self.is_in_answered() {
            EndOfInput::Clean
        } else {
            EndOfInput::InRecord
        }
    }

    /// nginx and HAProxy stop in the middle of a body once they have the answer, even inside a record.
    fn is_in_answered(&self) -> bool {
        let id = match self.decoder.current() {
            Some((header, _)) => header.id,
            // Inside a header nobody knows whose it is; with an unfinished body about, it is that one's.
            None => return self.requests.len() > 0,
        };
        self.requests.iter().any(|(_, entry)| entry.id == id && !entry.state.is_active())
    }

    fn graceful_close(&self) -> CloseAction {
        if self.requests.len() == 0 && self.decoder.is_between_records() {
            CloseAction::Close
        } else {
            CloseAction::LingeringClose
        }
    }
}
