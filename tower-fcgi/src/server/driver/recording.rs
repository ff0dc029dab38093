//! Tells the recorder what a connection does.

use fcgi_core::server::{OverloadResponse, RejectedAtBegin};

use super::Parts;
use crate::server::handle::Command;
use crate::server::service::FcgiService;
use crate::server::state::State;
use crate::server::transport::Traffic;
use crate::stats::{CloseReason, ConnectionState, PolledConnection};

impl<IO, S: FcgiService> Parts<'_, IO, S> {
    /// Publishes what this poll has changed.
    #[inline]
    pub(super) fn publish(&mut self) {
        let rejected = self.protocol.take_rejected();
        if rejected.unknown_role | rejected.overloaded | rejected.closing > 0 {
            self.record_rejected(rejected);
        }
        if self.in_flight.recorder().is_recording() {
            self.record_poll();
        }
    }

    #[cold]
    fn record_rejected(&mut self, rejected: RejectedAtBegin) {
        if rejected.overloaded > 0 {
            self.log_overload(rejected.overloaded);
        }
        let status = match &self.protocol.config().overload_response {
            OverloadResponse::Stdout(head) => status_of(head),
            _ => None,
        };
        let overloaded = rejected.overloaded + rejected.closing;
        self.in_flight.recorder().rejected_at_begin(rejected.unknown_role, overloaded, status);
    }

    // Not inlined: without a `Stats`, each poll would pay for its registers.
    #[inline(never)]
    fn record_poll(&mut self) {
        let Traffic { received, sent } = self.traffic;
        // An idle connection has no request, and no output.
        if *self.state != State::Idle || !self.in_flight.recorder().stays_idle(received, sent) {
            self.record_change();
        }
    }

    #[inline(never)]
    fn record_change(&mut self) {
        let (traffic, state) = (self.traffic, *self.state);
        let unread = if self.protocol.active_requests() > 0 { self.in_flight.unread_bytes() } else { 0 };
        let buffered = unread + self.protocol.output_len() as u64;
        self.in_flight.recorder().publish(PolledConnection {
            state: match state {
                State::New => ConnectionState::New,
                State::Active | State::HalfClosed => ConnectionState::Active,
                State::Idle | State::Unfinished => ConnectionState::Idle,
                State::Flushing { .. } | State::Lingering { .. } | State::Closed => ConnectionState::Closing,
            },
            received: traffic.received,
            sent: traffic.sent,
            buffered,
        });
    }

    /// Why an open connection begins to close, if it has not failed and no timeout is the reason.
    pub(super) fn close_reason(&self) -> CloseReason {
        match self.control.command() {
            _ if self.state.is_input_ended() => CloseReason::WebServer,
            Command::Run => CloseReason::NotKept,
            Command::CloseIfIdle => CloseReason::Evicted,
            Command::Shutdown | Command::Abort => CloseReason::Shutdown,
        }
    }

    /// Closes the queue of lines for STDERR.
    pub(super) fn close_stderr(&mut self) {
        let dropped = self.control.stderr().close();
        if dropped > 0 {
            self.in_flight.recorder().stderr(0, dropped);
        }
    }
}

/// The status in a CGI head that begins with it.
fn status_of(head: &[u8]) -> Option<u16> {
    let digits = head.strip_prefix(b"Status: ")?.get(..3)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}
