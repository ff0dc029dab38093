//! The one writer.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

use super::driver::Driver;
use super::service::FcgiService;

/// Slices of one vectored write. A body's 64 KiB are two of them, with the header before; these are more than
/// the output holds before it is full.
const MAX_SLICES: usize = 40;

impl<IO, S> Driver<IO, S>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    S: FcgiService,
{
    /// Writes what the protocol has to say until there is nothing left (`Ready`) or the transport takes no
    /// more.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, io::Error> {
        while !self.protocol.output().is_empty() {
            let written = match self.poll_write_once(cx) {
                Poll::Ready(written) => written?,
                Poll::Pending => {
                    self.blocked_at = self.protocol.output_len();
                    return Ok(Poll::Pending);
                }
            };
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.protocol.output().advance(written);
            self.written += written as u64;
            self.unflushed = true;
        }
        self.blocked_at = 0;
        if self.unflushed {
            match Pin::new(&mut self.io).poll_flush(cx) {
                Poll::Ready(flushed) => flushed?,
                Poll::Pending => return Ok(Poll::Pending),
            }
            self.unflushed = false;
        }
        Ok(Poll::Ready(()))
    }

    /// Whether there is output that the transport has not refused yet.
    pub(super) fn has_new_output(&self) -> bool {
        self.protocol.output_len() > self.blocked_at
    }

    fn poll_write_once(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut waiting = self.protocol.output().slices();
        let io = Pin::new(&mut self.io);
        let Some(first) = waiting.next() else { return Poll::Ready(Ok(0)) };
        let Some(second) = waiting.next() else { return io.poll_write(cx, first) };
        if !io.is_write_vectored() {
            return io.poll_write(cx, first);
        }
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut count = 0;
        for (place, slice) in slices.iter_mut().zip([first, second].into_iter().chain(waiting)) {
            *place = IoSlice::new(slice);
            count += 1;
        }
        io.poll_write_vectored(cx, &slices[..count])
    }
}
