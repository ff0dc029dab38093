//! Counts for one connection: what the driver calls. [`Recording`] does the work.

use std::fmt;

use fcgi_core::RequestKey;
use http::{Method, Uri};

use super::handle::Stats;
use super::listing::{ConnectionState, RequestState};
use super::recording::{Outcome, Recording};
use super::report::ResponseReport;
use super::snapshot::{AbortReason, CloseReason};

/// Counts for one connection. Without a [`Stats`], each method does nothing.
#[derive(Debug)]
pub(crate) struct Recorder(Option<Box<Recording>>);

/// The state of a connection after a poll.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PolledConnection {
    pub(crate) state: ConnectionState,
    /// Bytes since the poll before.
    pub(crate) received: u64,
    pub(crate) sent: u64,
    /// Bytes in buffers.
    pub(crate) buffered: u64,
}

impl Recorder {
    pub(crate) fn new(stats: Option<&Stats>) -> Self {
        Self(stats.map(|stats| Box::new(Recording::new(stats))))
    }

    /// Whether there is a [`Stats`].
    #[inline]
    pub(crate) const fn is_recording(&self) -> bool {
        self.0.is_some()
    }

    /// Sets the name of the peer.
    pub(crate) fn set_peer(&self, peer: &dyn fmt::Debug) {
        if let Some(recording) = &self.0 {
            recording.set_peer(peer);
        }
    }

    /// A request is given to the service.
    #[inline(always)]
    pub(crate) fn begin(&mut self, key: RequestKey, method: &Method, uri: &Uri) {
        if let Some(recording) = &mut self.0 {
            let now = recording.now();
            recording.begin(now, key, method, uri);
        }
    }

    /// The response of a request in flight was polled, and has ended.
    #[inline(always)]
    pub(crate) fn ended(&mut self, key: RequestKey, report: &ResponseReport) {
        if let Some(recording) = &mut self.0 {
            let now = recording.now();
            recording.ended(now, key, report);
        }
    }

    /// The response of a request in flight was polled, and has not ended. `state` is that of the request.
    #[inline(always)]
    pub(crate) fn polled(&mut self, key: RequestKey, report: &ResponseReport, state: RequestState) {
        if let Some(recording) = &mut self.0 {
            recording.polled(key, report, state);
        }
    }

    /// A request was answered with an error: instead of its handler, which may have run before.
    pub(crate) fn answered(&mut self, key: RequestKey, report: &ResponseReport) {
        if let Some(recording) = &mut self.0 {
            recording.answered(key, report);
        }
    }

    /// The handler of a request was dropped. Another call says how the request has ended.
    pub(crate) fn cancelled(&mut self, report: &ResponseReport) {
        if let Some(recording) = &mut self.0 {
            recording.count_details(report);
        }
    }

    /// The web server has aborted a request that may be in flight.
    pub(crate) fn aborted(&mut self, key: RequestKey) {
        if let Some(recording) = &mut self.0 {
            recording.end(key, Outcome::Aborted(AbortReason::WebServer));
        }
    }

    /// The web server has aborted a request before it was given to the service.
    pub(crate) fn aborted_before_begin(&mut self) {
        if let Some(recording) = &mut self.0 {
            recording.count_unserved(Outcome::Aborted(AbortReason::WebServer));
        }
    }

    /// The protocol has rejected requests: for their role, or over a limit, with this status of HTTP if it is one.
    pub(crate) fn rejected_at_begin(&mut self, unknown_role: u32, overloaded: u32, status: Option<u16>) {
        if let Some(recording) = &mut self.0 {
            recording.rejected_at_begin(unknown_role, overloaded, status);
        }
    }

    /// Bytes of a request's body were received: `total` so far.
    #[inline]
    pub(crate) fn received_body(&self, key: RequestKey, total: impl FnOnce() -> u64) {
        if let Some(recording) = &self.0 {
            recording.received_body(key, total());
        }
    }

    /// Lines of STDERR, beside those of a response's report, were sent or dropped.
    pub(crate) fn stderr(&mut self, sent: u64, dropped: u64) {
        if let Some(recording) = &mut self.0 {
            recording.stderr(sent, dropped);
        }
    }

    /// The close begins for this reason, unless another one was set before.
    pub(crate) fn closing(&mut self, reason: CloseReason) {
        if let Some(recording) = &mut self.0 {
            recording.closing(reason);
        }
    }

    /// A poll of the connection has ended, and left it idle with empty buffers. Returns `false` if it was not so before: then
    /// [`publish`](Self::publish) is necessary.
    #[inline(always)]
    pub(crate) fn stays_idle(&mut self, received: u64, sent: u64) -> bool {
        self.0.as_mut().is_none_or(|recording| recording.stays_idle(received, sent))
    }

    /// A poll of the connection has ended.
    pub(crate) fn publish(&mut self, connection: PolledConnection) {
        if let Some(recording) = &mut self.0 {
            recording.publish(connection);
        }
    }

    /// The connection has ended: for the reason of [`closing`](Self::closing), or failed for `failure`.
    pub(crate) fn closed(&mut self, failure: Option<CloseReason>) {
        if let Some(recording) = self.0.take() {
            recording.closed(failure);
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.closed(Some(CloseReason::Dropped));
    }
}
