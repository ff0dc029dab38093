//! The transport of a connection: its I/O, and the state of the output.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use fcgi_core::server::Connection;
use tokio::io::{AsyncRead, AsyncWrite};

use super::error::Error;
use super::reader::{self, ReadOutcome};
use super::writer::WriteState;
use crate::progress::Progress;

/// Moves bytes between the I/O and the protocol.
#[derive(Debug)]
pub(super) struct Transport<IO> {
    io: IO,
    write: WriteState,
    /// Prepares the I/O for a close that the web server takes for an error.
    on_incomplete_response: fn(&IO),
}

/// Bytes that have passed in one poll of the connection.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Traffic {
    pub(super) received: u64,
    pub(super) sent: u64,
}

impl<IO> Transport<IO> {
    pub(super) const fn new(io: IO) -> Self {
        Self { io, write: WriteState::Flushed, on_incomplete_response: |_| {} }
    }

    pub(super) const fn set_on_incomplete_response(&mut self, reset: fn(&IO)) {
        self.on_incomplete_response = reset;
    }

    /// Prepares the I/O for a close after an incomplete response.
    pub(super) fn prepare_reset(&self) {
        (self.on_incomplete_response)(&self.io);
    }

    /// Whether the I/O has sent all that was written to it.
    pub(super) fn is_flushed(&self) -> bool {
        self.write == WriteState::Flushed
    }

    /// Whether some of the `queued` bytes of output were not passed to the I/O yet.
    pub(super) const fn has_new_output(&self, queued: usize) -> bool {
        match self.write {
            WriteState::Blocked { queued: offered } => queued > offered,
            WriteState::Flushed | WriteState::Unflushed => queued > 0,
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Transport<IO> {
    /// Writes the protocol's output: see [`WriteState::poll_write`].
    pub(super) fn poll_write(
        &mut self,
        protocol: &mut Connection,
        traffic: &mut Traffic,
        cx: &mut Context<'_>,
    ) -> io::Result<Progress> {
        self.write.poll_write(&mut self.io, protocol.output(), &mut traffic.sent, cx)
    }

    /// Shuts the write side down.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    /// Reads once and hands the bytes to the protocol.
    pub(super) fn poll_read(
        &mut self,
        protocol: &mut Connection,
        traffic: &mut Traffic,
        cx: &mut Context<'_>,
    ) -> Result<ReadOutcome, Error> {
        reader::poll_read(&mut self.io, protocol, &mut traffic.received, cx)
    }

    /// Reads once and discards the bytes. Returns their number; 0 at the end of the stream.
    pub(super) fn poll_discard(
        &mut self,
        traffic: &mut Traffic,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let read = reader::poll_discard(&mut self.io, cx);
        if let Poll::Ready(Ok(bytes)) = read {
            traffic.received += bytes as u64;
        }
        read
    }
}
