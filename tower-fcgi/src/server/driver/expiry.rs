//! Decides which timers run, and handles those that expire.

use std::task::{Context, Poll};

use fcgi_core::RequestKey;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Parts;
use crate::body::BodyErrorKind;
use crate::progress::Progress;
use crate::server::error::{Error, ErrorCause, TimeoutKind};
use crate::server::failure::Failure;
use crate::server::service::FcgiService;
use crate::server::state::State;
use crate::server::timeouts::{Waiting, request_limit};
use crate::server::timer_table::{Expired, RequestTimer, Timer};
use crate::stats::CloseReason;

impl<IO, S> Parts<'_, IO, S>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    S: FcgiService,
{
    /// Whether the connection is idle, has sent all output, and waits for a request without a timeout: no timer runs, and no
    /// timer must start.
    pub(super) fn waits_without_limit(&self) -> bool {
        *self.state == State::Idle
            && self.config.keep_alive_timeout.is_none()
            && self.timers.is_empty()
            && self.transport.is_flushed()
            && self.protocol.is_idle()
    }

    /// Polls the timers. `Made` if a timeout was handled: the next turn may make progress.
    pub(super) fn poll_timers(&mut self, cx: &mut Context<'_>) -> Result<Progress, Error> {
        while let Some(key) = self.protocol.poll_new_head() {
            self.timers.start_request(key, RequestTimer::Params);
        }
        let waiting = Waiting {
            state: *self.state,
            protocol: self.protocol,
            config: self.config,
            handle: self.control.handle(),
            discarded: self.discarded,
            writes: self.protocol.output_len() > 0 || !self.transport.is_flushed(),
        };
        match waiting.timer() {
            Some((timer, limit)) => self.timers.set(timer, limit),
            None => self.timers.stop_connection(),
        }
        let (config, protocol, in_flight) = (self.config, &*self.protocol, &*self.in_flight);
        let limit = |key, timer| request_limit(key, timer, config, protocol, in_flight);
        let (active, reads) = (protocol.active_requests(), protocol.wants_read());
        match self.timers.poll(limit, active, reads, cx) {
            Poll::Pending => return Ok(Progress::Blocked),
            Poll::Ready(Expired::Connection(timer)) => self.on_timeout(timer)?,
            Poll::Ready(Expired::Request(key, timer)) => {
                let unread = self.protocol.unread_bytes();
                self.on_request_timeout(key, timer);
                self.restart_body_stall(unread);
            }
        }
        Ok(Progress::Made)
    }

    pub(super) fn on_timeout(&mut self, timer: Timer) -> Result<(), Error> {
        match timer {
            Timer::FirstRequest => self.protocol.stop_accepting(),
            Timer::RecordStart => return Err(ErrorCause::Timeout(TimeoutKind::HeaderRead).into()),
            Timer::UpgradeIdle => return Err(ErrorCause::Timeout(TimeoutKind::UpgradeIdle).into()),
            Timer::Write => return Err(ErrorCause::Timeout(TimeoutKind::Write).into()),
            Timer::Linger => return Err(ErrorCause::Timeout(TimeoutKind::Linger).into()),
            Timer::ShutdownGrace => self.state.end_linger(),
            Timer::BodyStall => self.requests().on_body_stall(),
            Timer::KeepAlive => {
                self.in_flight.recorder().closing(CloseReason::KeepAliveTimeout);
                self.control.handle().graceful_shutdown();
            }
        }
        Ok(())
    }

    pub(super) fn on_request_timeout(&mut self, key: RequestKey, timer: RequestTimer) {
        match timer {
            RequestTimer::Params => self.requests().on_head_timeout(key),
            RequestTimer::BodyRead => self.requests().on_body_timeout(key),
            RequestTimer::Slow => self.log_slow_request(key),
            RequestTimer::Total => self.requests().fail(key, &Failure::Timeout, BodyErrorKind::Timeout),
        }
    }

    /// Restarts the timeout of paused input if the number of unread bytes has changed from `unread`.
    pub(super) fn restart_body_stall(&mut self, unread: usize) {
        if self.protocol.unread_bytes() != unread {
            self.timers.stop(Timer::BodyStall);
        }
    }
}
