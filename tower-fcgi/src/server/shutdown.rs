//! How a connection ends: the last output, the shutdown, the drain.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use fcgi_core::server::CloseAction;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::driver::{Driver, Progress};
use super::error::{Error, ErrorKind, TimeoutKind};
use super::handle::Activity;
use super::service::FcgiService;

/// What a connection is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Phase {
    /// Requests.
    Serving,
    /// Its own end: every request is answered.
    Closing(Closing),
}

/// The way to the end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Closing {
    how: CloseAction,
    /// The write side has been shut down.
    shut: bool,
    /// Bytes that are still received and dropped.
    left: u64,
}

/// Input that is received and dropped on a kept connection.
#[derive(Debug)]
pub(super) struct Discarding {
    since: Instant,
    bytes: u64,
}

impl<IO, S> Driver<IO, S>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    S: FcgiService,
{
    pub(super) fn begin_close(&mut self, how: CloseAction) {
        let left = self.settings.linger_bytes.saturating_sub(self.protocol.discarded_bytes());
        self.phase = Phase::Closing(Closing { how, shut: false, left });
        if how != CloseAction::LingeringClose {
            self.set_activity(Activity::Busy);
        }
        self.handle.stderr().close();
    }

    /// Writes what is left, and for a [`Close::LingeringClose`] shuts the write side down and waits for the web
    /// server's end of stream.
    ///
    /// Input is received and dropped from the start: a web server that writes its whole body before it reads
    /// (mod_fcgid) would otherwise never come to read what is left.
    pub(super) fn close(&mut self, mut closing: Closing, cx: &mut Context<'_>) -> Result<Progress, Error> {
        let written = self.poll_write(cx)?.is_ready();
        if written && closing.how == CloseAction::Close {
            return Ok(Progress::Finished);
        }
        if written && closing.how == CloseAction::Reset {
            (self.on_incomplete_response)(&self.io);
            return Err(ErrorKind::IncompleteResponse.into());
        }
        if written && !closing.shut {
            match Pin::new(&mut self.io).poll_shutdown(cx) {
                Poll::Ready(shut) => shut?,
                Poll::Pending => return Ok(Progress::Blocked),
            }
            closing.shut = true;
            self.set_activity(Activity::Draining);
        }
        let turn = self.drain(&mut closing, cx)?;
        self.phase = Phase::Closing(closing);
        Ok(match turn {
            Progress::Finished if !closing.shut => Progress::Blocked,
            turn => turn,
        })
    }

    fn drain(&mut self, closing: &mut Closing, cx: &mut Context<'_>) -> Result<Progress, Error> {
        if self.input_ended {
            return Ok(Progress::Finished);
        }
        let Poll::Ready(read) = self.poll_discard(cx) else { return Ok(Progress::Blocked) };
        let read = match read {
            Ok(read) => read as u64,
            // The answer is out, and the web server does not care for more: what it does with the rest of its
            // body is its own affair.
            Err(_) if closing.shut => 0,
            Err(error) => return Err(error.into()),
        };
        if read == 0 {
            self.input_ended = true;
            return Ok(Progress::Finished);
        }
        match closing.left.checked_sub(read) {
            Some(left) => closing.left = left,
            None => return Err(ErrorKind::Timeout(TimeoutKind::Linger).into()),
        }
        Ok(Progress::Made)
    }

    /// The rest of an answered request is waited for no longer.
    pub(super) fn end_drain(&mut self) {
        self.phase = Phase::Closing(Closing { how: CloseAction::Close, shut: true, left: 0 });
    }

    /// How long the rest of an answered request may still come: what was discarded before counts.
    pub(super) fn drain_time(&self) -> Option<Duration> {
        let Some(discarding) = &self.discarding else { return self.settings.linger_timeout };
        if discarding.bytes > self.settings.linger_bytes {
            return Some(Duration::ZERO);
        }
        self.settings.linger_timeout.map(|limit| limit.saturating_sub(discarding.since.elapsed()))
    }

    /// Bounds what is received and dropped on a connection that is kept: beyond it, the connection ends after the
    /// requests that are live.
    pub(super) fn bound_discarded(&mut self) {
        let bytes = self.protocol.discarded_bytes();
        if bytes == 0 {
            self.discarding = None;
            return;
        }
        let begin = || Box::new(Discarding { since: Instant::now(), bytes: 0 });
        let discarding = self.discarding.get_or_insert_with(begin);
        if bytes == discarding.bytes {
            return;
        }
        discarding.bytes = bytes;
        if self.drain_time().is_some_and(|left| left.is_zero()) {
            self.protocol.stop_accepting();
        }
    }

    /// Whether the connection waits for nothing but the web server's end of stream.
    pub(super) const fn is_draining(&self) -> bool {
        matches!(self.phase, Phase::Closing(Closing { shut: true, .. }))
    }
}
