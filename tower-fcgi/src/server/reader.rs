//! Reads from the transport of a connection.

use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use fcgi_core::server::Connection;
use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};

use super::error::Error;
use crate::buffer_pool;

/// The outcome of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadOutcome {
    /// Bytes were received.
    Data,
    /// No bytes are available now.
    Pending,
    /// Nothing was read: unread bodies have reached their limit.
    Paused,
    /// The web server has shut down its write side.
    Eof,
}

/// The size in bytes of the buffer for discarded input.
const DISCARD_BUF_SIZE: usize = 32 * 1024;
/// A read of at least this many bytes may share its buffer with bodies. The protocol copies smaller reads.
const MIN_SHARED_READ: usize = 8 * 1024;

/// Reads once and hands the bytes to the protocol. Adds their number to `received_bytes`.
#[inline(always)]
pub(super) fn poll_read<IO: AsyncRead + Unpin>(
    io: &mut IO,
    protocol: &mut Connection,
    received_bytes: &mut u64,
    cx: &mut Context<'_>,
) -> Result<ReadOutcome, Error> {
    buffer_pool::with_read_buffer(|buffer| {
        let Poll::Ready(read) = pin!(io.read_buf(buffer)).poll(cx) else { return Ok(ReadOutcome::Pending) };
        let read = read.map_err(Error::io)?;
        if read == 0 {
            return Ok(ReadOutcome::Eof);
        }
        *received_bytes += read as u64;
        if buffer.len() >= MIN_SHARED_READ {
            let shared: Bytes = buffer.split().freeze();
            protocol.receive_shared(&shared).map_err(Error::protocol)?;
        } else {
            let received = protocol.receive(buffer);
            buffer.clear();
            received.map_err(Error::protocol)?;
        }
        protocol.output().set_buffer(buffer_pool::take_output);
        Ok(ReadOutcome::Data)
    })
}

/// Reads once and discards the bytes. Returns their number; 0 at the end of the stream.
// Not inlined: its large buffer would add stack probes to every turn of a driver.
#[inline(never)]
pub(super) fn poll_discard<IO: AsyncRead + Unpin>(
    io: &mut IO,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let mut scratch = [const { MaybeUninit::uninit() }; DISCARD_BUF_SIZE];
    let mut buffer = ReadBuf::uninit(&mut scratch);
    Pin::new(io).poll_read(cx, &mut buffer).map_ok(|()| buffer.filled().len())
}
