//! The request's body, out of stdin.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{BufMut as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::body::{BodyChannel, BodyErrorKind, Receiver, SendOutcome};
use crate::buffer_pool;

/// Bytes of a body that wait unread, at which no more is read: as in a connection with one request.
const UNREAD: usize = 256 * 1024;
/// Bytes of a read.
const READ: usize = 64 * 1024;

/// stdin, as far as it is the body's.
#[derive(Debug)]
pub(super) struct Input<I> {
    stdin: I,
    body: Option<Arc<BodyChannel>>,
    /// Bytes of the body that have not been read from stdin. It is never read beyond: RFC 3875 §4.2 promises no
    /// end of the stream behind the body, and what else there is belongs to nobody.
    left: u64,
    /// Bytes that the handler has not taken yet.
    unread: usize,
    buffer: BytesMut,
}

impl<I> Input<I> {
    pub(super) fn new(stdin: I) -> Self {
        Self { stdin, body: None, left: 0, unread: 0, buffer: BytesMut::new() }
    }

    /// There is a body, of so many bytes.
    pub(super) fn begin(&mut self, body: Arc<BodyChannel>, length: u64) {
        self.body = Some(body);
        self.left = length;
    }

    /// The handler gets no more of it.
    pub(super) fn end(&mut self, kind: BodyErrorKind) {
        if let Some(body) = self.body.take() {
            body.fail(kind);
        }
    }
}

impl<I: AsyncRead + Unpin> Input<I> {
    /// Reads what there is, as far as the handler keeps up.
    ///
    /// What the handler does not want is left where it is (RFC 3875 §4.2), unless the answer has to wait, which is
    /// `answer_waits`: a web server may write all of the body before it reads any of the answer.
    pub(super) fn poll_read(&mut self, answer_waits: bool, cx: &mut Context<'_>) {
        while self.left > 0 {
            let wanted = self.body.as_ref().is_some_and(|body| {
                let (consumed, reader) = body.take_consumed(Some(cx.waker()));
                self.unread = self.unread.saturating_sub(consumed);
                reader == Receiver::Open
            });
            let goes_on = if wanted { self.unread < UNREAD } else { answer_waits };
            if !goes_on {
                return;
            }
            let most = usize::try_from(self.left).unwrap_or(READ).min(READ);
            if self.buffer.capacity() == 0 {
                self.buffer.reserve(most);
            }
            let most = most.min(self.buffer.capacity());
            let mut buffer = (&mut self.buffer).limit(most);
            let Poll::Ready(read) = pin!(self.stdin.read_buf(&mut buffer)).poll(cx) else { return };
            self.deliver(read.map_err(|_| BodyErrorKind::Disconnected), wanted);
            if !wanted {
                // The answer may have found its way meanwhile.
                return cx.waker().wake_by_ref();
            }
        }
    }

    fn deliver(&mut self, read: Result<usize, BodyErrorKind>, wanted: bool) {
        let (len, delivered) = match read {
            // A body that ends short of its length says so itself.
            Ok(0) => (0, SendOutcome::Last),
            Ok(len) if len as u64 >= self.left => (len, SendOutcome::Last),
            Ok(len) => (len, SendOutcome::More),
            Err(kind) => (0, SendOutcome::Broken(kind)),
        };
        self.left = match delivered {
            SendOutcome::More => self.left - len as u64,
            SendOutcome::Last | SendOutcome::Broken(_) => 0,
        };
        let bytes = self.buffer.split().freeze();
        if let Some(body) = self.body.as_ref().filter(|_| wanted) {
            self.unread += bytes.len();
            buffer_pool::with_chunks(|chunks| {
                if !bytes.is_empty() {
                    chunks.push_back(bytes);
                }
                body.send(chunks, delivered);
            });
        }
    }
}
