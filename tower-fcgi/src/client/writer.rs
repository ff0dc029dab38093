//! Writes to the transport.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use fcgi_core::client::Connection as Protocol;
use tokio::io::AsyncWrite;

use super::error::ErrorCause;
use crate::buffer_pool;
use crate::progress::Progress;

/// The most slices of one vectored write.
const MAX_SLICES: usize = 40;

/// Writes the output of a connection.
#[derive(Debug)]
pub(super) struct Writer {
    state: WriteState,
    /// The bytes written since the connection began.
    written: u64,
}

#[derive(Debug)]
enum WriteState {
    /// All written bytes are flushed.
    Flushed,
    /// The transport may buffer written bytes.
    Unflushed,
    /// The transport takes no more output. Not an error of the request if the application responds anyway.
    Failed(ErrorCause),
}

/// The state of the output, for the driver.
#[derive(Debug, Clone, Copy)]
pub(super) struct WriteStatus {
    /// Bytes written since the connection began.
    pub(super) written: u64,
    /// Whether the transport takes no more.
    pub(super) failed: bool,
}

impl Writer {
    pub(super) const fn new() -> Self {
        Self { state: WriteState::Flushed, written: 0 }
    }

    /// Writes and flushes as much of the protocol's output as the transport takes. `Finished` if the transport has failed;
    /// the output is then dropped.
    pub(super) fn poll_write<IO>(
        &mut self,
        io: &mut IO,
        protocol: &mut Protocol,
        cx: &mut Context<'_>,
    ) -> Progress
    where
        IO: AsyncWrite + Unpin,
    {
        let before = self.written;
        if self.failure().is_none()
            && let Poll::Ready(Err(error)) = self.poll_flush(io, protocol, cx)
        {
            self.state = WriteState::Failed(error.into());
        }
        if self.failure().is_some() {
            protocol.output().advance(usize::MAX);
        }
        if self.written != before {
            Progress::Made
        } else if self.failure().is_some() {
            Progress::Finished
        } else {
            Progress::Blocked
        }
    }

    fn poll_flush<IO>(
        &mut self,
        io: &mut IO,
        protocol: &mut Protocol,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>>
    where
        IO: AsyncWrite + Unpin,
    {
        while !protocol.output().is_empty() {
            let written = ready!(poll_write_once(io, protocol, cx))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            protocol.output().advance(written);
            self.written += written as u64;
            self.state = WriteState::Unflushed;
        }
        if matches!(self.state, WriteState::Unflushed) {
            ready!(Pin::new(io).poll_flush(cx))?;
            self.state = WriteState::Flushed;
            // Let other connections of this thread use the buffer while this one has no output.
            buffer_pool::keep_output(protocol.output().take_buffer());
        }
        Poll::Ready(Ok(()))
    }

    pub(super) const fn status(&self) -> WriteStatus {
        WriteStatus { written: self.written, failed: self.failure().is_some() }
    }

    /// The error after which the transport takes no more output.
    pub(super) const fn failure(&self) -> Option<&ErrorCause> {
        match &self.state {
            WriteState::Failed(kind) => Some(kind),
            WriteState::Flushed | WriteState::Unflushed => None,
        }
    }
}

/// Writes once. Usually the output is one slice.
fn poll_write_once<IO>(io: &mut IO, protocol: &mut Protocol, cx: &mut Context<'_>) -> Poll<io::Result<usize>>
where
    IO: AsyncWrite + Unpin,
{
    let mut output = protocol.output().slices();
    let first = output.next().unwrap_or_default();
    let Some(second) = output.next() else { return Pin::new(io).poll_write(cx, first) };
    let mut slices = [IoSlice::new(&[]); MAX_SLICES];
    let mut len = 0;
    for (place, slice) in slices.iter_mut().zip([first, second].into_iter().chain(output)) {
        *place = IoSlice::new(slice);
        len += 1;
    }
    Pin::new(io).poll_write_vectored(cx, &slices[..len])
}
