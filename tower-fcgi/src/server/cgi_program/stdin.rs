//! Reads the request's body from stdin.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{BufMut as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::body::{BodyErrorKind, InputChannel, Receiver, SendOutcome};
use crate::buffer_pool;
use crate::server::upgrade::UpgradeInput;

/// Unread bytes of a body at which reading pauses: the default of a connection with one request.
const MAX_UNREAD: usize = 256 * 1024;
/// The most bytes of one read.
const READ_SIZE: usize = 64 * 1024;

/// stdin, up to the end of the body.
#[derive(Debug)]
pub(super) struct Stdin<I> {
    stdin: I,
    body: Option<Arc<InputChannel>>,
    /// Of an upgradable request; it receives `body`.
    upgrade: Option<UpgradeInput>,
    /// Bytes of the body still to be read from stdin. Never read beyond the body: RFC 3875 §4.2 does not guarantee that
    /// the stream ends there.
    left: u64,
    /// Bytes that were read and that the handler has not consumed yet.
    unread: usize,
    buffer: BytesMut,
}

impl<I> Stdin<I> {
    pub(super) fn new(stdin: I) -> Self {
        Self { stdin, body: None, upgrade: None, left: 0, unread: 0, buffer: BytesMut::new() }
    }

    /// Sets the body and its length.
    pub(super) fn begin(&mut self, body: Arc<InputChannel>, length: u64) {
        self.body = Some(body);
        self.left = length;
    }

    /// Sets the input of an upgradable request, which has no length.
    pub(super) fn begin_upgrade(&mut self, input: UpgradeInput) {
        self.begin(Arc::clone(input.stdin()), u64::MAX);
        self.upgrade = Some(input);
    }

    /// Fails the body.
    pub(super) fn end(&mut self, kind: BodyErrorKind) {
        if let Some(body) = self.body.take() {
            body.fail(kind);
        }
    }
}

impl<I: AsyncRead + Unpin> Stdin<I> {
    /// Reads while the handler consumes the body.
    ///
    /// An unread body stays in stdin (RFC 3875 §4.2), unless output waits to be written (`has_output`): a web server may
    /// write the whole body before it reads any of the response.
    pub(super) fn poll_read(&mut self, has_output: bool, cx: &mut Context<'_>) {
        while self.left > 0 {
            let wanted = self.body.as_ref().is_some_and(|body| {
                let (consumed, reader) = body.take_consumed(Some(cx.waker()));
                self.unread = self.unread.saturating_sub(consumed);
                reader == Receiver::Open
            });
            let reads = if wanted { self.unread < MAX_UNREAD } else { has_output };
            if !reads {
                return;
            }
            let limit = usize::try_from(self.left).unwrap_or(READ_SIZE).min(READ_SIZE);
            if self.buffer.capacity() == 0 {
                self.buffer.reserve(limit);
            }
            let limit = limit.min(self.buffer.capacity());
            let mut buffer = (&mut self.buffer).limit(limit);
            let Poll::Ready(read) = pin!(self.stdin.read_buf(&mut buffer)).poll(cx) else { return };
            self.send(read.map_err(|_| BodyErrorKind::Disconnected), wanted);
            if !wanted {
                // The output may have been written meanwhile.
                return cx.waker().wake_by_ref();
            }
        }
    }

    fn send(&mut self, read: Result<usize, BodyErrorKind>, wanted: bool) {
        let (len, outcome) = match read {
            // The body detects that it is shorter than CONTENT_LENGTH.
            Ok(0) => (0, SendOutcome::Last),
            Ok(len) if len as u64 >= self.left => (len, SendOutcome::Last),
            Ok(len) => (len, SendOutcome::More),
            Err(kind) => (0, SendOutcome::Broken(kind)),
        };
        self.left = match outcome {
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
                body.send(chunks, outcome);
            });
            if let Some(upgrade) = &self.upgrade {
                upgrade.refuse_if_ended();
            }
        }
    }
}
