//! What the application did, and what follows from that.

use std::collections::VecDeque;
use std::error::Error as StdError;

use fcgi_core::client::Event;
use fcgi_core::{EndRequest, Key, Misuse, ProtocolStatus};
use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::Span;

use super::connection::{Connection, Phase};
use super::dispatch::Question;
use super::guard::guard;
use super::probe::{Asking, places};
use crate::buffer_pool;

impl<IO, B> Connection<IO, B>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    B: Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    pub(super) fn take_events(&mut self) {
        while let Some(event) = self.protocol.poll_event() {
            match event {
                Event::Stdout(key) => self.read_answer(key),
                Event::Stderr(key) => self.read_stderr(key),
                Event::End(key, end) => self.end_of_request(key, end),
                Event::Values(told) => self.answered(places(&told, self.config.requests())),
                Event::ValuesUnknown => self.answered(1),
                // There are no others yet.
                _ => {}
            }
        }
    }

    fn read_answer(&mut self, key: Key) {
        if let Some(exchange) = self.under_way.by_key(key)
            && let Err(kind) = exchange.read(&mut self.protocol, &self.config)
        {
            self.abort(key, kind);
        }
    }

    /// Logs what a request's application has written, in the span of that request.
    fn read_stderr(&mut self, key: Key) {
        let mut chunks = VecDeque::new();
        let _ = self.protocol.read_stderr(key, &mut chunks);
        let span = self.under_way.by_key(key).map_or_else(Span::none, |exchange| exchange.span.clone());
        let _entered = span.enter();
        for chunk in chunks {
            if guard(|| self.config.stderr(&chunk)).is_err() {
                tracing::error!("what takes the application's STDERR panicked");
            }
            self.protocol.consumed(key, chunk.len());
        }
    }

    /// The application has said how many requests it takes.
    fn answered(&mut self, places: u16) {
        self.asking = Asking::No;
        self.set_places(places);
        self.mailbox.learn(places > 1);
    }

    /// The application has not answered in time.
    pub(super) fn no_answer(&mut self) {
        if self.asking == Asking::Out(Question::Alone) {
            self.phase = Phase::Closing;
        }
        self.asking = Asking::No;
        self.mailbox.no_answer();
    }

    fn set_places(&mut self, places: u16) {
        self.places = places;
        self.protocol.set_requests(places);
        self.mailbox.set_places(places);
    }

    fn end_of_request(&mut self, key: Key, end: EndRequest) {
        let Some(exchange) = self.under_way.by_key(key) else { return };
        let whole = exchange.is_sent() && !exchange.is_given_up();
        exchange.end(end, self.written);
        self.under_way.remove(key);
        if end.protocol_status == ProtocolStatus::CANT_MPX_CONN && self.places > 1 {
            // Whatever it has said of itself.
            self.answered(1);
        }
        // The unread rest of the answer is its body's from now on.
        let _ = self.protocol.discard(key);
        self.after(whole);
    }

    /// A request has ended. A connection for one at a time that has not sent all of one's body is not used again: there
    /// are applications that take the rest for a part of the next. Nor is one on which a request was aborted: the
    /// application may have ended it before it saw that, and PHP closes the connection when it then finds
    /// ABORT_REQUEST where it looks for the next request's begin. An application that takes several has to tell one's
    /// records from another's (FastCGI §3.3).
    fn after(&mut self, whole: bool) {
        let reusable = self.write_error.is_none() && (whole || self.places > 1);
        if self.phase != Phase::Open || !reusable || self.protocol.can_begin() == Err(Misuse::Closing) {
            return self.end();
        }
        if self.under_way.is_empty() {
            buffer_pool::keep_output(self.protocol.output().take_buffer());
            self.protocol.shrink();
        }
        self.mailbox.ended();
    }
}
