//! The transport of a connection.

use std::pin::Pin;
use std::task::{Context, Poll};

use fcgi_core::client::Connection as Protocol;
use tokio::io::{AsyncRead, AsyncWrite};

use super::error::ErrorCause;
use super::reader::ReadReadiness;
use super::writer::{WriteStatus, Writer};
use crate::progress::Progress;

/// A transport with the state of its two directions.
pub(super) struct Transport<IO> {
    io: IO,
    read: ReadReadiness,
    writer: Writer,
}

impl<IO> Transport<IO> {
    pub(super) const fn new(io: IO) -> Self {
        Self { io, read: ReadReadiness::Ready, writer: Writer::new() }
    }

    /// Begins a poll of the connection: input may be available again.
    pub(super) const fn begin_poll(&mut self) {
        self.read = ReadReadiness::Ready;
    }

    pub(super) const fn write_status(&self) -> WriteStatus {
        self.writer.status()
    }

    /// The error after which the transport takes no more output.
    pub(super) const fn write_failure(&self) -> Option<&ErrorCause> {
        self.writer.failure()
    }
}

impl<IO> Transport<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    /// Reads once: `Finished` at the end of the stream.
    pub(super) fn poll_read(
        &mut self,
        protocol: &mut Protocol,
        cx: &mut Context<'_>,
    ) -> Result<Progress, ErrorCause> {
        self.read.poll_read(&mut self.io, protocol, cx).map_err(|kind| match (kind, self.writer.failure()) {
            // Report the first failure, a write's, as the cause.
            (ErrorCause::Io(_), Some(first)) => first.clone(),
            (kind, _) => kind,
        })
    }

    /// Writes the output: `Finished` if the transport takes no more.
    pub(super) fn poll_write(&mut self, protocol: &mut Protocol, cx: &mut Context<'_>) -> Progress {
        self.writer.poll_write(&mut self.io, protocol, cx)
    }

    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // The connection has ended, so ignore errors.
        Pin::new(&mut self.io).poll_shutdown(cx).map(drop)
    }
}
