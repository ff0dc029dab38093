//! The web server's end: it sends endlessly, and may never read.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use fcgi_core::{RecordDecoder, RecordType};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Returns the next input; `None` at its end.
pub(crate) type Feed = Box<dyn FnMut() -> Option<Vec<u8>>>;

/// Clones share the transport.
#[derive(Clone)]
pub(crate) struct Transport(Rc<RefCell<Wire>>);

struct Wire {
    feed: Feed,
    /// Unread bytes of the feed.
    rest: Vec<u8>,
    taken: usize,
    written: usize,
    reads: bool,
    deframer: RecordDecoder,
    answers: usize,
}

impl Transport {
    pub(crate) fn new(feed: Feed, reads: bool) -> Self {
        let deframer = RecordDecoder::new();
        let wire = Wire { feed, rest: Vec::new(), taken: 0, written: 0, reads, deframer, answers: 0 };
        Self(Rc::new(RefCell::new(wire)))
    }

    /// Bytes that the application has read.
    pub(crate) fn taken(&self) -> usize {
        self.0.borrow().taken
    }

    /// Changes with every byte read or written.
    pub(crate) fn progress(&self) -> (usize, usize) {
        let wire = self.0.borrow();
        (wire.taken, wire.written)
    }

    /// The number of END_REQUEST records.
    pub(crate) fn answers(&self) -> usize {
        self.0.borrow().answers
    }
}

/// More than any limit allows: an attack that sends so much is not stopped.
const ENOUGH: usize = 1 << 20;

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = &mut *self.0.borrow_mut();
        while wire.rest.len() < buffer.remaining() && wire.taken < ENOUGH {
            let Some(more) = (wire.feed)() else { break };
            wire.rest.extend(more);
        }
        if wire.rest.is_empty() || wire.taken >= ENOUGH {
            // The test polls again.
            return Poll::Pending;
        }
        let part = wire.rest.len().min(buffer.remaining());
        buffer.put_slice(&wire.rest[..part]);
        wire.rest.drain(..part);
        wire.taken += part;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wire = &mut *self.0.borrow_mut();
        if !wire.reads {
            return Poll::Pending;
        }
        let mut rest = bytes;
        while let Some(fragment) = wire.deframer.next(&mut rest).expect("records of version 1") {
            wire.answers += usize::from(fragment.is_last && fragment.header.kind == RecordType::END_REQUEST);
        }
        wire.written += bytes.len();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
