//! Reads from the transport.

use std::pin::pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use fcgi_core::client::Connection as Protocol;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::error::ErrorCause;
use crate::buffer_pool;
use crate::progress::Progress;

/// A read of at least this many bytes shares its buffer with bodies. The protocol copies smaller reads anyway.
const SHARED_READ: usize = 8 * 1024;

/// Whether the transport may have input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadReadiness {
    /// Input may be available.
    Ready,
    /// A read of this poll was pending: the transport has the waker.
    Pending,
}

impl ReadReadiness {
    /// Reads once into `protocol`: `Finished` at the end of the stream.
    pub(super) fn poll_read<IO>(
        &mut self,
        io: &mut IO,
        protocol: &mut Protocol,
        cx: &mut Context<'_>,
    ) -> Result<Progress, ErrorCause>
    where
        IO: AsyncRead + Unpin,
    {
        if *self == Self::Pending || !protocol.wants_read() {
            // The waker is registered: with the transport, or with the body that pauses the input.
            return Ok(Progress::Blocked);
        }
        let (read, received) = buffer_pool::with_read_buffer(|buffer| {
            let read = pin!(io.read_buf(buffer)).poll(cx);
            if buffer.len() >= SHARED_READ {
                let shared: Bytes = buffer.split().freeze();
                return (read, protocol.receive_shared(&shared));
            }
            let received = if buffer.is_empty() { Ok(()) } else { protocol.receive(buffer) };
            buffer.clear();
            (read, received)
        });
        let Poll::Ready(read) = read else {
            *self = Self::Pending;
            return Ok(Progress::Blocked);
        };
        let read = read?;
        received?;
        Ok(if read == 0 { Progress::Finished } else { Progress::Made })
    }
}
