//! Writes the response to stdout and error text to stderr.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use tokio::io::AsyncWrite;

use crate::server::error::{Error, ErrorCause};
use crate::server::request_summary::RequestSummary;
use crate::server::response_writer::ResponseWriter;

/// Unwritten bytes at which the response is no longer polled. Enough for several of the 16 to 64 KiB chunks of usual bodies;
/// a pipe holds 64 KiB.
const MAX_BUFFERED: usize = 256 * 1024;
/// The most slices of one write.
const MAX_SLICES: usize = 16;

/// The writer of the program's only response.
#[derive(Debug)]
pub(super) struct StdoutWriter<O, E> {
    stdout: StdStream<O>,
    stderr: StdStream<E>,
    end: OutputEnd,
    /// Whether output was queued since the last write.
    has_new: bool,
    request: RequestSummary,
}

/// How the response has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OutputEnd {
    NotYet,
    Complete,
    Incomplete,
}

impl<O, E> StdoutWriter<O, E> {
    pub(super) const fn new(stdout: O, stderr: E, request: RequestSummary) -> Self {
        Self {
            stdout: StdStream::new(stdout),
            stderr: StdStream::new(stderr),
            end: OutputEnd::NotYet,
            has_new: false,
            request,
        }
    }

    /// Whether everything was written.
    pub(super) const fn is_empty(&self) -> bool {
        self.stdout.len == 0 && self.stderr.len == 0
    }

    /// Whether output was queued since the last write.
    pub(super) const fn has_new(&self) -> bool {
        self.has_new
    }

    /// Queues error text that ends with a line break.
    pub(super) fn stderr_text(&mut self, text: Vec<u8>) {
        self.stderr.push(text.into());
        self.has_new = true;
    }

    pub(super) fn result(&self) -> Result<(), Error> {
        match self.end {
            OutputEnd::Complete => Ok(()),
            OutputEnd::NotYet | OutputEnd::Incomplete => Err(ErrorCause::IncompleteResponse.into()),
        }
    }
}

impl<O: AsyncWrite + Unpin, E: AsyncWrite + Unpin> StdoutWriter<O, E> {
    /// Writes the queued output. Ready when everything is written and flushed.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> io::Result<Poll<()>> {
        self.has_new = false;
        // Both, even if one is blocked: a web server may read one of them to its end before the other.
        let stderr = self.stderr.poll_write(cx);
        if matches!(stderr, Poll::Ready(Err(_))) {
            // Drop the lines; the response can still be written.
            self.stderr.clear();
        }
        match self.stdout.poll_write(cx) {
            Poll::Ready(Ok(())) => Ok(stderr.map(drop)),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Ok(Poll::Pending),
        }
    }
}

impl<O, E> ResponseWriter for StdoutWriter<O, E> {
    fn stdout(&mut self, text: &[u8]) {
        self.stdout_bytes(Bytes::copy_from_slice(text));
    }

    fn stdout_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut text = Vec::new();
        write(&mut text);
        self.stdout_bytes(text.into());
    }

    fn stdout_bytes(&mut self, bytes: Bytes) {
        self.stdout.push(bytes);
        self.has_new = true;
    }

    /// Does nothing: CGI has no records, and each frame of a body is written as soon as possible.
    fn split_record(&mut self) {}

    fn stderr(&mut self, line: &[u8]) {
        self.stderr_text([line, b"\n"].concat());
    }

    /// Drops the unwritten output: the earlier the response ends, the more likely the web server notices.
    fn abort(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.stdout.clear();
        if self.stdout.written == 0 {
            self.stdout_with(write);
        } else {
            self.end = OutputEnd::Incomplete;
        }
    }

    fn end(&mut self) {
        if self.end == OutputEnd::NotYet {
            self.end = OutputEnd::Complete;
        }
        self.has_new = true;
    }

    /// Returns `true`: a CGI program has one request.
    fn take_over(&mut self) -> bool {
        true
    }

    fn is_full(&self) -> bool {
        self.stdout.len + self.stderr.len >= MAX_BUFFERED
    }

    fn summary(&self) -> RequestSummary {
        self.request.clone()
    }
}

/// One of the two streams, and its unwritten output.
#[derive(Debug)]
struct StdStream<W> {
    io: W,
    /// The unwritten output; no chunk is empty.
    chunks: VecDeque<Bytes>,
    /// Bytes in `chunks`.
    len: usize,
    /// Bytes that were written to `io`.
    written: u64,
    unflushed: bool,
}

impl<W> StdStream<W> {
    const fn new(io: W) -> Self {
        Self { io, chunks: VecDeque::new(), len: 0, written: 0, unflushed: false }
    }

    fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.len += chunk.len();
            self.chunks.push_back(chunk);
        }
    }

    fn clear(&mut self) {
        self.chunks.clear();
        self.len = 0;
        self.unflushed = false;
    }

    fn advance(&mut self, mut written: usize) {
        self.len = self.len.saturating_sub(written);
        self.written = self.written.saturating_add(written as u64);
        while let Some(chunk) = self.chunks.front_mut() {
            if chunk.len() > written {
                chunk.advance(written);
                return;
            }
            written -= chunk.len();
            self.chunks.pop_front();
        }
    }
}

impl<W: AsyncWrite + Unpin> StdStream<W> {
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.chunks.is_empty() {
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let mut count = 0;
            for (slice, chunk) in slices.iter_mut().zip(&self.chunks) {
                *slice = IoSlice::new(chunk);
                count += 1;
            }
            // A writer without vectored writes takes the first slice.
            let written = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, &slices[..count]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}
