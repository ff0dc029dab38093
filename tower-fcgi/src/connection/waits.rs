//! What a connection waits for, how long it may, and what happens when it was too long.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use fcgi_core::EndOfInput;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Driver, Phase};
use crate::cgi::Asked;
use crate::deadline::{Elapsed, Wait};
use crate::error::{Error, Kind, Timeout};
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::service::FcgiService;

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
        let heads = (self.protocol.in_params(), self.settings.head_timeout);
        let Poll::Ready(elapsed) = self.deadline.poll(wait, heads, cx) else { return Ok(Poll::Pending) };
        let wait = match elapsed {
            Elapsed::Wait(wait) => wait,
            Elapsed::Head(key) => {
                if self.protocol.refuse(key).is_ok() {
                    self.answer(key, &Failure::HeadTimeout, Asked::Unknown);
                }
                return Ok(Poll::Ready(()));
            }
        };
        match wait {
            Wait::Begin => return Err(Kind::Timeout(Timeout::Head).into()),
            Wait::Write(_) => return Err(Kind::Timeout(Timeout::Write).into()),
            Wait::Drain => return Err(Kind::Timeout(Timeout::Drain).into()),
            Wait::Paused(_) => {
                if let Some(key) = self.protocol.fullest() {
                    self.give_up(key, &Failure::BodyUnread, inline);
                }
            }
            Wait::Idle(_) => self.handle.graceful_shutdown(),
        }
        Ok(Poll::Ready(()))
    }

    /// The one thing that is waited for beside the heads of requests.
    fn wait(&self) -> Option<(Wait, Duration)> {
        let settings = &self.settings;
        let protocol = &self.protocol;
        if self.is_draining() {
            return Some((Wait::Drain, settings.drain_timeout));
        }
        if protocol.output_len() > 0 || self.unflushed || matches!(self.phase, Phase::Closing(_)) {
            return Some((Wait::Write(self.written), settings.write_timeout));
        }
        if protocol.live() > 0 {
            if protocol.live() > 1 && !protocol.wants_input() {
                return Some((Wait::Paused(protocol.unread()), settings.pause_timeout));
            }
            return None;
        }
        if self.begun == 0 || protocol.end_of_input() == EndOfInput::InRecord {
            return Some((Wait::Begin, settings.head_timeout));
        }
        Some((Wait::Idle(self.begun), settings.idle_timeout?))
    }
}
