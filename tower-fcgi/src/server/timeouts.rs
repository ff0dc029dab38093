//! What a connection waits for, how long it may, and what happens when it was too long.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use fcgi_core::Key;
use fcgi_core::server::EndOfInput;
use tokio::io::{AsyncRead, AsyncWrite};

use super::driver::Driver;
use super::error::{Error, Kind, Timeout};
use super::failure::Failure;
use super::handle::{LINGER, Order};
use super::in_flight::Running;
use super::oneshot::Oneshot;
use super::response_driver::Exchange;
use super::service::FcgiService;
use super::shutdown::Phase;
use super::timer_table::{Elapsed, Stage, Wait};
use crate::body;
use crate::cgi::Asked;

/// How long a connection that is to end waits for the request that it was opened for. A web server connects when it
/// has one, so that mostly its bytes are there; an idle web server that connects for nothing (a health check) holds the
/// end up for so long.
const FIRST: Duration = Duration::from_secs(1);

impl<IO, S> Driver<IO, S>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    S: FcgiService,
{
    /// `Ready`: a time-out was dealt with, and there may be something to do.
    pub(super) fn poll_deadline(
        &mut self,
        inline: Pin<&mut Exchange<Oneshot<S>, S::ResponseBody>>,
        cx: &mut Context<'_>,
    ) -> Result<Poll<()>, Error> {
        let wait = self.wait();
        while let Some(key) = self.protocol.poll_in_params() {
            self.deadline.begin(key, Stage::Head);
        }
        let (settings, protocol) = (&self.settings, &self.protocol);
        let (inline_one, spawned) = (self.running.as_ref(), self.spawned.as_ref());
        let find = |key| {
            let inline_one = inline_one.filter(|running| running.key == key);
            inline_one.or_else(|| spawned.and_then(|spawned| spawned.find(key)))
        };
        let limit = |key, stage| match stage {
            Stage::Head => protocol.is_in_params(key).then_some(settings.head_timeout),
            Stage::Body => settings.body_timeout.filter(|_| find(key).is_some_and(Running::expects_more)),
            Stage::Whole => settings.request_timeout.filter(|_| protocol.is_open(key)),
        };
        let flows = protocol.wants_input();
        let Poll::Ready(elapsed) = self.deadline.poll(wait, limit, protocol.live(), flows, cx) else {
            return Ok(Poll::Pending);
        };
        let wait = match elapsed {
            Elapsed::Wait(wait) => wait,
            Elapsed::Request(key, stage) => {
                self.took_too_long(key, stage, inline);
                return Ok(Poll::Ready(()));
            }
        };
        match wait {
            Wait::First => self.protocol.close(),
            Wait::Begin => return Err(Kind::Timeout(Timeout::Head).into()),
            Wait::Write(_) => return Err(Kind::Timeout(Timeout::Write).into()),
            Wait::Drain => return Err(Kind::Timeout(Timeout::Drain).into()),
            Wait::Linger => self.end_drain(),
            Wait::Paused(_) => {
                if let Some(key) = self.protocol.fullest() {
                    self.give_up(key, &Failure::BodyUnread, body::Kind::Overloaded, inline);
                }
            }
            Wait::Idle(_) => self.handle.graceful_shutdown(),
        }
        Ok(Poll::Ready(()))
    }

    fn took_too_long(
        &mut self,
        key: Key,
        stage: Stage,
        inline: Pin<&mut Exchange<Oneshot<S>, S::ResponseBody>>,
    ) {
        match stage {
            Stage::Head => {
                if self.protocol.refuse(key).is_ok() {
                    self.answer(key, &Failure::HeadTimeout, Asked::Unknown);
                }
            }
            Stage::Body => self.stalled(key, inline),
            Stage::Whole => self.give_up(key, &Failure::Expired, body::Kind::Expired, inline),
        }
    }

    /// The one thing that is waited for beside the heads of requests.
    fn wait(&self) -> Option<(Wait, Duration)> {
        let settings = &self.settings;
        let protocol = &self.protocol;
        let writes = protocol.output_len() > 0 || self.unflushed;
        if matches!(self.phase, Phase::Closing(_)) && !writes && self.handle.order() > Order::Serve {
            return Some((Wait::Linger, self.handle.closes_within().unwrap_or(LINGER)));
        }
        if self.is_draining() {
            return Some((Wait::Drain, self.drain_time()));
        }
        if writes || matches!(self.phase, Phase::Closing(_)) {
            return Some((Wait::Write(self.written), settings.write_timeout));
        }
        if protocol.live() > 0 {
            if protocol.live() > 1 && !protocol.wants_input() {
                return Some((Wait::Paused(protocol.unread()), settings.pause_timeout));
            }
            return None;
        }
        if self.is_new() && self.handle.order() >= Order::Finish {
            return Some((Wait::First, FIRST));
        }
        if self.begun == 0 || protocol.end_of_input() == EndOfInput::InRecord {
            return Some((Wait::Begin, settings.head_timeout));
        }
        Some((Wait::Idle(self.begun), settings.idle_timeout?))
    }
}
