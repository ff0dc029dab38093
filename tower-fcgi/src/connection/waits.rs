//! What a connection waits for, how long it may, and what happens when it was too long.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use fcgi_core::{Connection, EndOfInput, Key, NewRequest};
use tokio::io::{AsyncRead, AsyncWrite};

use super::running::Running;
use super::{Driver, Phase};
use crate::body;
use crate::cgi::Asked;
use crate::config;
use crate::deadline::{Elapsed, Stage, Wait};
use crate::error::{Error, Kind, Timeout};
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::handle::{LINGER, Order};
use crate::service::FcgiService;

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
        inline: Pin<&mut Exchange<S::Future, S::ResponseBody>>,
        cx: &mut Context<'_>,
    ) -> Result<Poll<()>, Error> {
        let wait = self.wait();
        let spawned = self.spawned.iter().flat_map(|spawned| spawned.running());
        let running = self.running.iter().chain(spawned);
        let stages = stages(&self.settings, &self.protocol, running, &self.queue);
        let Poll::Ready(elapsed) = self.deadline.poll(wait, stages, cx) else { return Ok(Poll::Pending) };
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
        inline: Pin<&mut Exchange<S::Future, S::ResponseBody>>,
    ) {
        match stage {
            Stage::Head => {
                if self.protocol.refuse(key).is_ok() {
                    self.answer(key, &Failure::HeadTimeout, Asked::Unknown);
                }
            }
            Stage::Body(_) => self.stalled(key, inline),
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

/// The stages of requests that are under a time-out.
fn stages<'a>(
    settings: &config::Driver,
    protocol: &'a Connection,
    running: impl Iterator<Item = &'a Running> + Clone,
    queue: &'a VecDeque<NewRequest>,
) -> impl Iterator<Item = (Key, Stage, Duration)> {
    let head = settings.head_timeout;
    let heads = protocol.in_params().map(move |key| (key, Stage::Head, head));

    // While the input is paused it is not the web server that keeps bodies waiting.
    let body = settings.body_timeout.filter(|_| protocol.wants_input());
    let bodies = running.clone().filter_map(move |running| Some((running.key, running.expects()?, body?)));
    let bodies = bodies.map(|(key, received, limit)| (key, Stage::Body(received), limit));

    let whole = settings.request_timeout;
    let all = running.map(|running| running.key).chain(queue.iter().map(|request| request.key));
    let wholes = all.filter_map(move |key| Some((key, Stage::Whole, whole?)));
    heads.chain(bodies).chain(wholes)
}
