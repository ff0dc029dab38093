//! Writes the output of a connection to its transport.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use fcgi_core::RecordEncoder;
use tokio::io::AsyncWrite;

use crate::progress::Progress;

/// The most slices of one vectored write: more than the output holds before it is full, since 64 KiB of a body are two
/// slices with their header.
const MAX_SLICES: usize = 40;

/// The state of the output that was written to the transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WriteState {
    /// The transport has sent everything.
    Flushed,
    /// The transport may buffer what was written.
    Unflushed,
    /// The transport took no more when `queued` bytes were left, and has registered the waker.
    Blocked { queued: usize },
}

impl WriteState {
    /// Writes `output` once, and flushes if nothing is left of it. Returns [`Made`](Progress::Made) if bytes were written: write
    /// again, because the transport may take more. [`Blocked`](Progress::Blocked) if the transport took none, and
    /// [`Finished`](Progress::Finished) if `output` was empty.
    ///
    /// Once, so that more output can be queued behind the rest of a short write. The next write is then as large as this one,
    /// which saves system calls.
    ///
    /// Adds the number of bytes to `sent`.
    pub(super) fn poll_write<IO: AsyncWrite + Unpin>(
        &mut self,
        io: &mut IO,
        output: &mut RecordEncoder,
        sent: &mut u64,
        cx: &mut Context<'_>,
    ) -> io::Result<Progress> {
        let mut progress = Progress::Finished;
        if !output.is_empty() {
            let Poll::Ready(written) = poll_write_once(io, output, cx)? else {
                *self = Self::Blocked { queued: output.len() };
                return Ok(Progress::Blocked);
            };
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            *sent += written as u64;
            output.advance(written);
            *self = Self::Unflushed;
            progress = Progress::Made;
        }
        if *self != Self::Flushed && output.is_empty() {
            *self = Self::Unflushed;
            match Pin::new(io).poll_flush(cx) {
                Poll::Ready(flushed) => flushed?,
                Poll::Pending => return Ok(progress.or_blocked()),
            }
            *self = Self::Flushed;
        }
        Ok(progress)
    }
}

/// Writes once, as much as the transport takes.
fn poll_write_once<IO: AsyncWrite + Unpin>(
    io: &mut IO,
    output: &RecordEncoder,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let io = Pin::new(io);
    let mut queued = output.slices();
    let Some(first) = queued.next() else { return Poll::Ready(Ok(0)) };
    let Some(second) = queued.next() else { return io.poll_write(cx, first) };
    if !io.is_write_vectored() {
        return io.poll_write(cx, first);
    }
    let mut slices = [IoSlice::new(&[]); MAX_SLICES];
    let mut count = 0;
    for (slot, slice) in slices.iter_mut().zip([first, second].into_iter().chain(queued)) {
        *slot = IoSlice::new(slice);
        count += 1;
    }
    io.poll_write_vectored(cx, &slices[..count])
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use fcgi_core::{RecordType, RequestId};

    use super::*;

    /// Accepts this many bytes, then is pending; flushes if `flushes`.
    struct Io {
        accepts: usize,
        flushes: bool,
    }

    impl AsyncWrite for Io {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let written = bytes.len().min(self.accepts);
            self.accepts -= written;
            if written == 0 { Poll::Pending } else { Poll::Ready(Ok(written)) }
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            if self.flushes { Poll::Ready(Ok(())) } else { Poll::Pending }
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn each_write_leaves_its_state() {
        let mut cx = Context::from_waker(Waker::noop());
        let mut output = RecordEncoder::new();
        let mut state = WriteState::Flushed;
        let mut io = Io { accepts: 0, flushes: false };
        let mut sent = 0;
        let mut poll = |io: &mut Io, output: &mut RecordEncoder| {
            let progress = state.poll_write(io, output, &mut sent, &mut cx).unwrap();
            (progress, state)
        };
        assert_eq!(poll(&mut io, &mut output), (Progress::Finished, WriteState::Flushed));
        output.write_record(RecordType::STDOUT, RequestId(1), b"12345678");
        assert_eq!(poll(&mut io, &mut output), (Progress::Blocked, WriteState::Blocked { queued: 16 }));
        io.accepts = 10;
        assert_eq!(poll(&mut io, &mut output), (Progress::Made, WriteState::Unflushed));
        assert_eq!(poll(&mut io, &mut output), (Progress::Blocked, WriteState::Blocked { queued: 6 }));
        io.accepts = 10;
        assert_eq!(poll(&mut io, &mut output), (Progress::Made, WriteState::Unflushed));
        assert_eq!(poll(&mut io, &mut output), (Progress::Blocked, WriteState::Unflushed));
        io.flushes = true;
        assert_eq!(poll(&mut io, &mut output), (Progress::Finished, WriteState::Flushed));
        assert_eq!(sent, 16);
    }
}
