//! When and how the connection ends.

use super::{Closing, Connection};

/// How to end a connection whose requests are all answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// Nothing more is to come of any request: write the output, then close.
    Now,
    /// The web server may still be sending a body that nobody reads. Write the output, shut the write side
    /// down so that the web server sees the end at once, read and drop its bytes until its end of stream for
    /// a bounded time, then close. To close at once would reset the connection and could destroy the answer
    /// on its way.
    Drain,
    /// An answer was cut off: write the output, then close such that the peer sees an error, with a reset
    /// where the transport has one.
    Abortive,
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
    /// §5.1), or [`close`](Self::close) was called, or a limit asks for it, or an answer was [cut
    /// off](Self::fail) or [abandoned](Self::abandon), or the web server broke a rule; and no request is
    /// alive.
    #[must_use]
    pub fn should_close(&self) -> Option<Close> {
        if self.live > 0 {
            return None;
        }
        match self.closing {
            Closing::Abortive => Some(Close::Abortive),
            _ if self.broken.is_some() => Some(Close::Drain),
            Closing::No if self.keep_conn => None,
            Closing::No | Closing::WhenIdle | Closing::Orderly => Some(self.orderly()),
        }
    }

    /// Takes no further request; those that are alive are served to their end, after which
    /// [`should_close`](Self::should_close) says how to go on. A request that still comes is answered as
    /// [`Config::overload`](super::Config::overload) says.
    pub fn close(&mut self) {
        if self.closing.takes_requests() {
            self.closing = Closing::Orderly;
        }
    }

    /// Whether nothing is under way: no request is alive, the web server is not in the middle of a record,
    /// and nothing waits to be written. An answered request whose input has not ended does not count.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.live == 0 && self.deframer.is_between_records() && self.output.is_empty()
    }

    /// What it means that the web server's stream ends here.
    #[must_use]
    pub fn end_of_input(&self) -> EndOfInput {
        if !self.heads.is_empty() {
            EndOfInput::InParams
        } else if self.live > 0 {
            EndOfInput::InRequest
        } else if self.deframer.is_between_records() || self.deframer.is_in_padding() || self.is_in_answered()
        {
            EndOfInput::Clean
        } else {
            EndOfInput::InRecord
        }
    }

    /// nginx and HAProxy stop in the middle of a body once they have the answer, even inside a record.
    fn is_in_answered(&self) -> bool {
        let id = match self.deframer.current() {
            Some((header, _)) => header.id,
            // Inside a header nobody knows whose it is; with an unfinished body about, it is that one's.
            None => return self.table.len() > 0,
        };
        self.table.iter().any(|(_, entry)| entry.id == id && !entry.state.is_live())
    }

    fn orderly(&self) -> Close {
        if self.table.len() == 0 && self.deframer.is_between_records() { Close::Now } else { Close::Drain }
    }
}
