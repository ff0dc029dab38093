//! What a connection waits for, how long it may, and what happens when it was too long.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use fcgi_core::RequestKey;
use fcgi_core::server::EndOfInput;
use tokio::io::{AsyncRead, AsyncWrite};

use super::driver::Driver;
use super::error::{Error, ErrorKind, TimeoutKind};
use super::failure::Failure;
use super::handle::{Command, LINGER};
use super::in_flight::InFlightRequest;
use super::oneshot::Oneshot;
use super::response_driver::ResponseDriver;
use super::service::FcgiService;
use super::shutdown::Phase;
use super::timer_table::{Expired, RequestTimer, Timer};
use crate::body;
use crate::cgi::ErrorBody;

/// How long a connection that is to end waits for the request that it was opened for. A web server connects when it
/// has one, so that mostly its bytes are there; an idle web server that connects for nothing (a health check) holds the
/// end up for so long.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

impl<IO, S> Driver<IO, S>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    S: FcgiService,
{
    /// `Ready`: a time-out was dealt with, and there may be something to do.
    pub(super) fn poll_deadline(
        &mut self,
        inline: Pin<&mut ResponseDriver<Oneshot<S>, S::ResponseBody>>,
        cx: &mut Context<'_>,
    ) -> Result<Poll<()>, Error> {
        let wait = self.wait();
        while let Some(key) = self.protocol.poll_new_head() {
            self.deadline.begin(key, RequestTimer::Params);
        }
        let (settings, protocol) = (&self.settings, &self.protocol);
        let (inline_one, spawned) = (self.running.as_ref(), self.spawned.as_ref());
        let find = |key| {
            let inline_one = inline_one.filter(|running| running.key == key);
            inline_one.or_else(|| spawned.and_then(|spawned| spawned.find(key)))
        };
        let limit = |key, stage| match stage {
            RequestTimer::Params => settings.header_read_timeout.filter(|_| protocol.is_incomplete_head(key)),
            RequestTimer::BodyRead => {
                settings.body_read_timeout.filter(|_| find(key).is_some_and(InFlightRequest::expects_more))
            }
            RequestTimer::Total => settings.request_timeout.filter(|_| protocol.is_writable(key)),
        };
        let flows = protocol.wants_read();
        let Poll::Ready(elapsed) = self.deadline.poll(wait, limit, protocol.active_requests(), flows, cx)
        else {
            return Ok(Poll::Pending);
        };
        let wait = match elapsed {
            Expired::Wait(wait) => wait,
            Expired::Request(key, stage) => {
                self.took_too_long(key, stage, inline);
                return Ok(Poll::Ready(()));
            }
        };
        match wait {
            Timer::FirstRequest => self.protocol.stop_accepting(),
            Timer::RecordStart => return Err(ErrorKind::Timeout(TimeoutKind::HeaderRead).into()),
            Timer::Write(_) => return Err(ErrorKind::Timeout(TimeoutKind::Write).into()),
            Timer::Linger => return Err(ErrorKind::Timeout(TimeoutKind::Linger).into()),
            Timer::ShutdownGrace => self.end_drain(),
            Timer::BodyStall(_) => {
                if let Some(key) = self.protocol.largest_unread() {
                    self.give_up(key, &Failure::BodyNotConsumed, body::BodyErrorKind::Evicted, inline);
                }
            }
            Timer::KeepAlive(_) => self.handle.graceful_shutdown(),
        }
        Ok(Poll::Ready(()))
    }

    fn took_too_long(
        &mut self,
        key: RequestKey,
        stage: RequestTimer,
        inline: Pin<&mut ResponseDriver<Oneshot<S>, S::ResponseBody>>,
    ) {
        match stage {
            RequestTimer::Params => {
                if self.protocol.reject(key).is_ok() {
                    self.answer(key, &Failure::HeadTimeout, ErrorBody::None);
                }
            }
            RequestTimer::BodyRead => self.stalled(key, inline),
            RequestTimer::Total => self.give_up(key, &Failure::Timeout, body::BodyErrorKind::Timeout, inline),
        }
    }

    /// The one thing that is waited for beside the heads of requests.
    fn wait(&self) -> Option<(Timer, Duration)> {
        let settings = &self.settings;
        let protocol = &self.protocol;
        let writes = protocol.output_len() > 0 || self.unflushed;
        if matches!(self.phase, Phase::Closing(_)) && !writes && self.handle.command() > Command::Run {
            return Some((Timer::ShutdownGrace, self.handle.closes_within().unwrap_or(LINGER)));
        }
        if self.is_draining() {
            return Some((Timer::Linger, self.drain_time()?));
        }
        if writes || matches!(self.phase, Phase::Closing(_)) {
            return Some((Timer::Write(self.written), settings.write_timeout?));
        }
        if protocol.active_requests() > 0 {
            if protocol.active_requests() > 1 && !protocol.wants_read() {
                return Some((Timer::BodyStall(protocol.unread_bytes()), settings.body_stall_timeout?));
            }
            return None;
        }
        if self.is_new() && self.handle.command() >= Command::Shutdown {
            return Some((Timer::FirstRequest, FIRST_REQUEST_TIMEOUT));
        }
        if self.begun == 0 || protocol.end_of_input() == EndOfInput::InRecord {
            return Some((Timer::RecordStart, settings.header_read_timeout?));
        }
        Some((Timer::KeepAlive(self.begun), settings.keep_alive_timeout?))
    }
}
