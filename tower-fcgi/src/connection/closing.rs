//! How a connection ends: the last output, the shutdown, the drain.

use std::pin::Pin;
use std::task::{Context, Poll};

use fcgi_core::Close;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Driver, Turn};
use crate::error::{Error, Kind, Timeout};
use crate::service::FcgiService;

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
    how: Close,
    /// The write side has been shut down.
    shut: bool,
    /// Bytes that are still received and dropped.
    left: u64,
}

impl<IO, S> Driver<IO, S>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    S: FcgiService,
{
    pub(super) fn begin_close(&mut self, how: Close) {
        self.phase = Phase::Closing(Closing { how, shut: false, left: self.settings.drain_bytes });
        if self.idle {
            self.idle = false;
            self.handle.set_idle(false);
        }
        self.handle.lines().close();
    }

    /// Writes what is left, and for a [`Close::Drain`] shuts the write side down and waits for the web
    /// server's end of stream.
    ///
    /// Input is received and dropped from the start: a web server that writes its whole body before it reads
    /// (mod_fcgid) would otherwise never come to read what is left.
    pub(super) fn close(&mut self, mut closing: Closing, cx: &mut Context<'_>) -> Result<Turn, Error> {
        let written = self.poll_write(cx)?.is_ready();
        if written && closing.how == Close::Now {
            return Ok(Turn::Done);
        }
        if written && closing.how == Close::Abortive {
            (self.reset)(&self.io);
            return Err(Kind::CutOff.into());
        }
        if written && !closing.shut {
            match Pin::new(&mut self.io).poll_shutdown(cx) {
                Poll::Ready(shut) => shut?,
                Poll::Pending => return Ok(Turn::Wait),
            }
            closing.shut = true;
        }
        let turn = self.drain(&mut closing, cx)?;
        self.phase = Phase::Closing(closing);
        Ok(match turn {
            Turn::Done if !closing.shut => Turn::Wait,
            turn => turn,
        })
    }

    fn drain(&mut self, closing: &mut Closing, cx: &mut Context<'_>) -> Result<Turn, Error> {
        if self.input_ended {
            return Ok(Turn::Done);
        }
        let Poll::Ready(read) = self.poll_discard(cx) else { return Ok(Turn::Wait) };
        let read = match read {
            Ok(read) => read as u64,
            // The answer is out, and the web server does not care for more: what it does with the rest of its
            // body is its own affair.
            Err(_) if closing.shut => 0,
            Err(error) => return Err(error.into()),
        };
        if read == 0 {
            self.input_ended = true;
            return Ok(Turn::Done);
        }
        match closing.left.checked_sub(read) {
            Some(left) => closing.left = left,
            None => return Err(Kind::Timeout(Timeout::Drain).into()),
        }
        Ok(Turn::Again)
    }

    /// Whether the connection waits for nothing but the web server's end of stream.
    pub(super) const fn is_draining(&self) -> bool {
        matches!(self.phase, Phase::Closing(Closing { shut: true, .. }))
    }
}
