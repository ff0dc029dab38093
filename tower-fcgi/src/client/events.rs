//! Handles the protocol's events and the end of the application's stream.

use std::collections::VecDeque;
use std::error::Error as StdError;

use fcgi_core::client::{EndOfInput, Event};
use fcgi_core::{EndRequest, ProtocolStatus, RequestKey, UserError};
use http_body::Body;
use tracing::Span;

use super::driver::{Closing, Driver};
use super::error::ErrorCause;
use super::exchange::Stdout;
use super::probe::negotiated;
use super::request_log::exchange_event;
use super::writer::WriteStatus;
use crate::{buffer_pool, panic};

impl<B> Driver<B>
where
    B: Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    /// Handles all events of the received bytes.
    pub(super) fn handle_events(&mut self, write: WriteStatus) {
        while let Some(event) = self.protocol.poll_event() {
            match event {
                Event::StdoutReadable(key) => self.read_stdout(key, write),
                Event::StderrReadable(key) => self.read_stderr(key),
                Event::RequestEnded(key, end) => self.request_ended(key, end, write),
                Event::Values(reply) => self.values_received(negotiated(&reply, self.config.max_in_flight())),
                Event::ValuesUnsupported => self.values_received(1),
                // `Event` is non-exhaustive; today it has no other variant.
                _ => {}
            }
        }
    }

    /// Handles the end of the stream, after its last event.
    pub(super) fn end_of_input(&mut self) -> Result<(), ErrorCause> {
        match self.protocol.end_of_input() {
            EndOfInput::Clean => self.state.close(),
            // Some applications end an aborted request by closing the connection.
            EndOfInput::InRequest if self.in_flight.all_aborted() => self.state.close(),
            EndOfInput::InRecord | EndOfInput::InRequest => return Err(ErrorCause::Incomplete),
        }
        Ok(())
    }

    fn read_stdout(&mut self, key: RequestKey, write: WriteStatus) {
        let Some(exchange) = self.in_flight.by_key(key) else { return };
        match exchange.read(&mut self.protocol, &self.config) {
            Ok(Stdout::Expected) => {}
            Ok(Stdout::Overrun) => self.in_flight.expect_end(key),
            Err(kind) => self.abort(key, kind, write),
        }
    }

    /// Logs what was written to STDERR, in the request's span.
    fn read_stderr(&mut self, key: RequestKey) {
        let mut chunks = VecDeque::new();
        let _ = self.protocol.read_stderr(key, &mut chunks);
        let exchange = self.in_flight.by_key(key);
        let span = exchange.as_ref().map_or_else(Span::none, |exchange| exchange.span.clone());
        let _entered = span.enter();
        let parts = exchange.as_ref().and_then(|exchange| exchange.parts());
        for chunk in &chunks {
            if let Err(panic) = panic::catch_panic(|| self.config.stderr(chunk, parts)) {
                exchange_event!(
                    error,
                    parts,
                    panic,
                    "the handler of STDERR panicked: some of the application's STDERR is lost"
                );
            }
        }
        for chunk in chunks {
            self.protocol.release_capacity(key, chunk.len());
        }
    }

    fn request_ended(&mut self, key: RequestKey, end: EndRequest, write: WriteStatus) {
        let Some(exchange) = self.in_flight.by_key(key) else { return };
        let complete = exchange.is_sent() && !exchange.is_aborted();
        exchange.end(end, write.written);
        self.in_flight.remove(key);
        if end.protocol_status == ProtocolStatus::CANT_MPX_CONN && self.capacity > 1 {
            // Overrides its reply to the probe.
            self.set_multiplexing(1);
        }
        // The unread bytes were moved to the response's body: release their capacity.
        let _ = self.protocol.discard(key);
        self.reuse(complete, write);
    }

    /// Keeps the connection for further requests after one has ended, or stops accepting.
    ///
    /// A connection for one request at a time is not used again if the request was not sent completely: some applications
    /// take the rest for part of the next request. Nor after an abort: the application may have ended the request before it
    /// received ABORT_REQUEST, and PHP closes the connection if it finds that record where it expects BEGIN_REQUEST. An
    /// application that multiplexes must distinguish requests by their ids (FastCGI §3.3), so its connection is kept.
    fn reuse(&mut self, complete: bool, write: WriteStatus) {
        let reusable = !write.failed && (complete || self.capacity > 1);
        if !self.state.is_open()
            || !reusable
            || self.protocol.can_begin() == Err(UserError::ConnectionClosing)
        {
            if complete && !write.failed && !self.config.keep_conn && self.in_flight.is_empty() {
                self.closing = Closing::Drop;
            }
            return self.stop_accepting();
        }
        if self.begin_ready_check() {
            return;
        }
        if self.in_flight.is_empty() {
            buffer_pool::keep_output(self.protocol.output().take_buffer());
            self.protocol.shrink();
        }
        self.requests.release();
    }
}
