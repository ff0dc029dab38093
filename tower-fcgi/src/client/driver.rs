//! The driver of a connection, without the transport: requests, protocol and timers.

use std::error::Error as StdError;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use fcgi_core::RequestKey;
use fcgi_core::client::Connection as Protocol;
use http_body::Body;

use super::config::Config;
use super::dispatch::RequestChannel;
use super::error::ErrorCause;
use super::exchange::ClientExchange;
use super::in_flight::InFlight;
use super::probe::{PROBE_TIMEOUT, PROBE_VARIABLES};
use super::ready_check::{READY_TIMEOUT, ReadyCheck};
use super::state::State;
use super::timeouts::{Timer, Timers, deadline_after};
use super::writer::WriteStatus;
use crate::buffer_pool;
use crate::progress::Progress;

/// Drives the requests of one connection.
///
/// [`poll_probe`](Self::poll_probe), [`poll_requests`](Self::poll_requests) and
/// [`poll_exchanges`](Self::poll_exchanges) fill `protocol` with output, in this order; input goes into `protocol` and is
/// then [handled](Self::handle_events); [`poll_timers`](Self::poll_timers) is for a connection that is blocked.
pub(super) struct Driver<B> {
    pub(super) protocol: Protocol,
    pub(super) config: Config,
    pub(super) requests: Arc<RequestChannel<B>>,
    pub(super) in_flight: InFlight<B>,
    /// The most requests in flight at once; also the limit of `protocol`.
    pub(super) capacity: u16,
    pub(super) state: State,
    pub(super) closing: Closing,
    /// Whether it has taken a request.
    used: bool,
    pub(super) ready_check: ReadyCheck,
    pub(super) timers: Timers,
}

/// How a connection closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closing {
    /// It shuts down the transport, and then drops it.
    Shutdown,
    /// It drops the transport: its only request was sent and answered completely, and nothing follows on either side
    /// (FastCGI §3.5).
    Drop,
}

impl<B> Driver<B> {
    pub(super) fn new(config: Config, requests: Arc<RequestChannel<B>>) -> Self {
        Self {
            protocol: Protocol::new(config.protocol),
            in_flight: InFlight::new(config.abort_timeout, config.abandoned),
            config,
            requests,
            capacity: 1,
            state: State::Open,
            closing: Closing::Shutdown,
            used: false,
            ready_check: ReadyCheck::default(),
            timers: Timers::default(),
        }
    }

    /// Accepts no more requests. The connection closes after those in flight.
    pub(super) fn stop_accepting(&mut self) {
        self.state.stop_accepting(self.in_flight.is_empty());
        if self.state == State::Draining {
            self.requests.close_with(State::Draining);
        }
    }

    /// Sets how many requests the application takes at once, by its reply to the probe or a rejection.
    pub(super) fn set_multiplexing(&mut self, capacity: u16) {
        self.timers.stop(Timer::Probe);
        self.capacity = capacity;
        self.protocol.set_max_concurrent_requests(capacity);
        self.requests.set_multiplexing(capacity);
        if capacity > 1 && self.ready_check.end() {
            // It reads the connection at any time, so its reply would show nothing.
            self.timers.stop(Timer::ReadyCheck);
            self.requests.release();
        }
    }

    /// Queues the probe if it is due.
    pub(super) fn poll_probe(&mut self, cx: &Context<'_>) {
        if self.config.max_in_flight() > 1 && self.requests.poll_probe(cx) {
            self.protocol.output().set_buffer(buffer_pool::take_output);
            // On an error the connection is closing, which ends the probe.
            if self.protocol.get_values(&PROBE_VARIABLES).is_ok() {
                self.ready_check.query_sent();
            }
            self.timers.set(Timer::Probe, deadline_after(PROBE_TIMEOUT));
        }
    }

    /// Takes no request until the application has shown that it is free. Returns whether that has to be shown.
    pub(super) fn begin_ready_check(&mut self) -> bool {
        // An application with several requests on a connection reads it at any time.
        let needed = self.config.ready_check && self.capacity == 1 && self.in_flight.is_empty();
        if needed && self.requests.is_starved() {
            self.stop_accepting();
        } else if needed {
            if self.ready_check.begin() {
                self.protocol.output().set_buffer(buffer_pool::take_output);
                if self.protocol.get_values(&PROBE_VARIABLES).is_err() {
                    self.stop_accepting();
                }
            }
            self.timers.set(Timer::ReadyCheck, deadline_after(READY_TIMEOUT));
        }
        needed
    }

    /// Handles a reply to GET_VALUES.
    pub(super) fn values_received(&mut self, capacity: u16) {
        if self.config.max_in_flight() > 1 {
            self.set_multiplexing(capacity);
        }
        if self.ready_check.reply() {
            self.timers.stop(Timer::ReadyCheck);
            buffer_pool::keep_output(self.protocol.output().take_buffer());
            self.protocol.shrink();
            if self.requests.is_starved() {
                return self.stop_accepting();
            }
            self.requests.release();
            // Again, because the pool may have closed its idle connections just before this one was idle. The lock of the
            // channel orders the two: either the pool sees the release, or this sees the request that waits.
            if self.requests.is_starved() {
                self.requests.close_if_idle();
            }
        }
    }

    /// Pauses the channel while input is paused, or while an aborted request has not ended: the application may close the
    /// connection to end it.
    pub(super) fn update_pause(&self) {
        if self.config.max_in_flight() > 1 {
            self.requests.set_paused(!self.protocol.wants_read() || self.in_flight.any_aborted());
        }
    }

    fn probe_timed_out(&mut self) {
        if self.requests.probe_timed_out() {
            // The application may never reply, nor serve the requests behind the probe.
            self.state.close();
        }
    }
}

impl<B> Driver<B>
where
    B: Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    /// Takes requests from the channel.
    pub(super) fn poll_requests(&mut self, cx: &mut Context<'_>, write: WriteStatus) -> Progress {
        let mut progress = Progress::Blocked;
        while self.accepts_request() {
            match self.requests.poll_recv(cx) {
                Poll::Pending => break,
                Poll::Ready(None) => self.stop_accepting(),
                Poll::Ready(Some(envelope)) => {
                    self.used = true;
                    self.timers.stop(Timer::KeepAlive);
                    self.protocol.output().set_buffer(buffer_pool::take_output);
                    match ClientExchange::begin(envelope, &mut self.protocol, &self.config, write.written) {
                        Ok(Some(exchange)) => self.in_flight.push(exchange),
                        Ok(None) => self.requests.release(),
                        // The protocol accepts no more requests. The caller notices that the sender was dropped.
                        Err(_) => self.stop_accepting(),
                    }
                }
            }
            progress = Progress::Made;
        }
        progress
    }

    /// Whether to take another request now. A request that shares the connection waits until the output before it is
    /// written and no aborted request is left, since the application may end that by closing the connection.
    fn accepts_request(&self) -> bool {
        self.state.is_open()
            && self.in_flight.len() < usize::from(self.capacity)
            && (self.in_flight.is_empty() || self.protocol.wants_body() && !self.in_flight.any_aborted())
    }

    /// Aborts the requests whose callers are gone, and queues the bodies of the others.
    pub(super) fn poll_exchanges(&mut self, cx: &mut Context<'_>, write: WriteStatus) -> Progress {
        let progress = self.in_flight.poll_callers(&mut self.protocol, cx, write.written);
        if write.failed {
            self.in_flight.stop_uploads();
        }
        if !self.in_flight.is_uploading() {
            return progress;
        }
        self.protocol.output().set_buffer(buffer_pool::take_output);
        let progress =
            progress | self.in_flight.poll_uploads(&mut self.protocol, cx, self.capacity, write.written);
        self.query_early();
        progress
    }

    /// Sends the query of the next check behind the request in flight, if all of that was queued.
    fn query_early(&mut self) {
        let is_wanted = self.config.ready_check
            && self.config.early_ready_check
            && self.config.max_in_flight() == 1
            && self.ready_check.wants_early_query()
            && self.in_flight.all_sent();
        if is_wanted && self.protocol.get_values(&PROBE_VARIABLES).is_ok() {
            self.ready_check.early_query_sent();
        }
    }

    /// Aborts a request, and fails it with `kind`.
    pub(super) fn abort(&mut self, key: RequestKey, kind: ErrorCause, write: WriteStatus) {
        self.in_flight.abort(key, Some(kind), &mut self.protocol, write.written);
    }

    /// Ready when a timer has expired and was handled.
    pub(super) fn poll_timers(&mut self, cx: &mut Context<'_>, write: WriteStatus) -> Poll<()> {
        if !self.needs_timers() {
            self.timers.clear();
            return Poll::Pending;
        }
        self.update_timers();
        match ready!(self.timers.poll_expired(cx)) {
            Timer::KeepAlive | Timer::Shutdown => self.state.close(),
            Timer::ReadyCheck => self.stop_accepting(),
            Timer::Probe => self.probe_timed_out(),
            Timer::Abort if self.in_flight.all_aborted() => self.state.close(),
            Timer::Abort => self.stop_accepting(),
            Timer::Abandoned => self.in_flight.abort_abandoned(&mut self.protocol, write.written),
            Timer::BodyStall => {
                if let Some(key) = self.in_flight.largest_unread() {
                    self.abort(key, ErrorCause::Stalled, write);
                }
            }
        }
        Poll::Ready(())
    }

    /// Whether any timer may be needed; usually none is.
    fn needs_timers(&self) -> bool {
        self.timers.is_set(Timer::Probe)
            || self.timers.is_set(Timer::ReadyCheck)
            || match self.in_flight.len() {
                0 => self.config.keep_alive_timeout.is_some(),
                1 => self.in_flight.any_aborted() || self.in_flight.abandoned_deadline().is_some(),
                _ => true,
            }
    }

    /// Sets the timers of a connection that is blocked.
    fn update_timers(&mut self) {
        let idle = self.in_flight.is_empty() && self.used;
        let stalled = self.in_flight.len() > 1 && !self.protocol.wants_read();
        for (timer, timeout) in [
            (Timer::KeepAlive, self.config.keep_alive_timeout.filter(|_| idle)),
            (Timer::BodyStall, self.config.body_stall_timeout.filter(|_| stalled)),
        ] {
            match timeout {
                Some(timeout) => self.timers.start(timer, timeout),
                None => self.timers.stop(timer),
            }
        }
        // A draining connection closes after its other requests, however long an aborted one takes.
        let counts = self.state.is_open() || self.in_flight.all_aborted();
        match self.in_flight.abort_deadline().filter(|_| counts) {
            Some(deadline) => self.timers.set(Timer::Abort, deadline),
            None => self.timers.stop(Timer::Abort),
        }
        match self.in_flight.abandoned_deadline() {
            Some(deadline) => self.timers.set(Timer::Abandoned, deadline),
            None => self.timers.stop(Timer::Abandoned),
        }
    }

    /// Fails all requests: the connection has failed.
    pub(super) fn fail(&mut self, kind: &ErrorCause, write: WriteStatus) {
        // First: a request that its pool sends again takes over the permit of a connection that has ended.
        self.requests.close_with(State::Closed);
        self.in_flight.fail(kind, write.written);
    }
}

impl<B> Drop for Driver<B> {
    fn drop(&mut self) {
        self.in_flight.cut_off();
        self.requests.close_with(State::Closed);
    }
}
