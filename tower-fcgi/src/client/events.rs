//! What the application did, and what follows from that.

use std::collections::VecDeque;
use std::error::Error as StdError;

use fcgi_core::client::Event;
use fcgi_core::{EndRequest, ProtocolStatus, RequestKey, UserError};
use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::Span;

use super::connection::{Connection, State};
use super::dispatch::Question;
use super::guard::catch_panic;
use super::probe::{Probe, negotiated};
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
                Event::StdoutReadable(key) => self.read_answer(key),
                Event::StderrReadable(key) => self.read_stderr(key),
                Event::RequestEnded(key, end) => self.end_of_request(key, end),
                Event::Values(told) => self.answered(negotiated(&told, self.config.requests())),
                Event::ValuesUnsupported => self.answered(1),
                // There are no others yet.
                _ => {}
            }
        }
    }

    fn read_answer(&mut self, key: RequestKey) {
        if let Some(exchange) = self.in_flight.by_key(key)
            && let Err(kind) = exchange.read(&mut self.protocol, &self.config)
        {
            self.abort(key, kind);
        }
    }

    /// Logs what a request's application has written, in the span of that request.
    fn read_stderr(&mut self, key: RequestKey) {
        let mut chunks = VecDeque::new();
        let _ = self.protocol.read_stderr(key, &mut chunks);
        let span = self.in_flight.by_key(key).map_or_else(Span::none, |exchange| exchange.span.clone());
        let _entered = span.enter();
        for chunk in chunks {
            if catch_panic(|| self.config.stderr(&chunk)).is_err() {
                tracing::error!("what takes the application's STDERR panicked");
            }
            self.protocol.release_capacity(key, chunk.len());
        }
    }

    /// The application has said how many requests it takes.
    fn answered(&mut self, places: u16) {
        self.probe = Probe::No;
        self.set_places(places);
        self.requests.set_multiplexing(places > 1);
    }

    /// The application has not answered in time.
    pub(super) fn no_answer(&mut self) {
        if self.probe == Probe::Out(Question::Alone) {
            self.state = State::Closed;
        }
        self.probe = Probe::No;
        self.requests.no_answer();
    }

    fn set_places(&mut self, places: u16) {
        self.capacity = places;
        self.protocol.set_max_concurrent_requests(places);
        self.requests.set_capacity(places);
    }

    fn end_of_request(&mut self, key: RequestKey, end: EndRequest) {
        let Some(exchange) = self.in_flight.by_key(key) else { return };
        let whole = exchange.is_sent() && !exchange.is_aborted();
        exchange.end(end, self.written);
        self.in_flight.remove(key);
        if end.protocol_status == ProtocolStatus::CANT_MPX_CONN && self.capacity > 1 {
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
        let reusable = self.write_failure.is_none() && (whole || self.capacity > 1);
        if self.state != State::Open
            || !reusable
            || self.protocol.can_begin() == Err(UserError::ConnectionClosing)
        {
            return self.end();
        }
        if self.in_flight.is_empty() {
            buffer_pool::keep_output(self.protocol.output().take_buffer());
            self.protocol.shrink();
        }
        self.requests.ended();
    }
}
