//! A transport in memory that records every call, and accepts and returns bytes as a test sets it.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Both ends of the transport; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Wire {
    shared: Arc<Mutex<Shared>>,
}

/// What happened on the transport, and what happens next.
pub(crate) struct Shared {
    /// The input of the application: a read returns at most one of these.
    input: VecDeque<Input>,
    /// Bytes that the application has read.
    pub(crate) taken: usize,
    /// Reads that returned something, including the end of the stream.
    pub(crate) reads: usize,
    /// Reads that were pending.
    pub(crate) vain_reads: usize,
    /// Bytes that the application has written.
    pub(crate) output: Vec<u8>,
    /// Flushed bytes of `output`, the only ones that the web server sees.
    pub(crate) flushed: usize,
    /// Sizes of the writes.
    pub(crate) writes: Vec<usize>,
    /// Bytes that the transport accepts before it is full.
    pub(crate) room: usize,
    /// Bytes that one write accepts; 0: it is pending, and ready at once after that.
    pub(crate) pattern: Box<dyn FnMut(usize) -> usize + Send>,
    pub(crate) vectored: bool,
    /// The result of the next write.
    pub(crate) failure: Option<Failure>,
    /// Whether the application has shut down its side.
    pub(crate) shut: bool,
    /// The application has prepared a reset.
    pub(crate) reset: bool,
    /// Whether the application has dropped the transport.
    pub(crate) gone: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

enum Input {
    Bytes(Bytes),
    End,
    Reset,
}

#[derive(Clone, Copy)]
pub(crate) enum Failure {
    BrokenPipe,
    /// The write accepts 0 bytes.
    Zero,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            input: VecDeque::new(),
            taken: 0,
            reads: 0,
            vain_reads: 0,
            output: Vec::new(),
            flushed: 0,
            writes: Vec::new(),
            room: usize::MAX,
            pattern: Box::new(|offered| offered),
            vectored: true,
            failure: None,
            shut: false,
            reset: false,
            gone: false,
            reader: None,
            writer: None,
        }
    }
}

impl Wire {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }

    /// The application's end.
    pub(crate) fn transport(&self) -> Transport {
        Transport { wire: self.clone() }
    }

    /// Queues a packet for the application.
    pub(crate) fn give(&self, bytes: Bytes) {
        self.push(Input::Bytes(bytes));
    }

    pub(crate) fn give_end(&self) {
        self.push(Input::End);
    }

    pub(crate) fn give_reset(&self) {
        self.push(Input::Reset);
    }

    /// Sets how many bytes the transport accepts from now on.
    pub(crate) fn make_room(&self, room: usize) {
        let mut shared = self.lock();
        shared.room = room;
        let writer = shared.writer.take();
        drop(shared);
        if let Some(writer) = writer {
            writer.wake();
        }
    }

    fn push(&self, input: Input) {
        let mut shared = self.lock();
        shared.input.push_back(input);
        let reader = shared.reader.take();
        drop(shared);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

/// The application's end of a [`Wire`].
pub(crate) struct Transport {
    wire: Wire,
}

impl Transport {
    /// Stands for `SO_LINGER`.
    pub(crate) fn reset(&self) {
        self.wire.lock().reset = true;
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        self.wire.lock().gone = true;
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut shared = self.wire.lock();
        let mut left = None;
        let result = match shared.input.pop_front() {
            None => {
                shared.vain_reads += 1;
                shared.reader = Some(cx.waker().clone());
                return Poll::Pending;
            }
            Some(Input::Bytes(mut bytes)) => {
                let part = bytes.len().min(buffer.remaining());
                buffer.put_slice(&bytes[..part]);
                shared.taken += part;
                bytes.advance(part);
                left = (!bytes.is_empty()).then_some(Input::Bytes(bytes));
                Ok(())
            }
            Some(Input::End) => {
                left = Some(Input::End);
                Ok(())
            }
            Some(Input::Reset) => Err(io::ErrorKind::ConnectionReset.into()),
        };
        shared.reads += 1;
        if let Some(left) = left {
            shared.input.push_front(left);
        }
        Poll::Ready(result)
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut shared = self.wire.lock();
        assert!(!shared.shut, "write after shutdown");
        match shared.failure.take() {
            Some(Failure::BrokenPipe) => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Some(Failure::Zero) => return Poll::Ready(Ok(0)),
            None => {}
        }
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        assert!(offered > 0, "an empty write");
        if shared.room == 0 {
            shared.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let most = (shared.pattern)(offered).min(offered);
        if most == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let taken = most.min(shared.room);
        shared.room = if shared.room == usize::MAX { usize::MAX } else { shared.room - taken };
        let mut left = taken;
        for slice in slices {
            let part = slice.len().min(left);
            shared.output.extend_from_slice(&slice[..part]);
            left -= part;
        }
        shared.writes.push(taken);
        Poll::Ready(Ok(taken))
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.lock().vectored
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut shared = self.wire.lock();
        shared.flushed = shared.output.len();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut shared = self.wire.lock();
        shared.flushed = shared.output.len();
        shared.shut = true;
        Poll::Ready(Ok(()))
    }
}
