//! The answer, into stdout, and error text, into stderr.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use tokio::io::AsyncWrite;

use crate::server::error::{Error, ErrorKind};
use crate::server::response_writer::ResponseWriter;

/// Bytes that wait, at which no more is produced. Enough for several of the 16 to 64 KiB that bodies give at a
/// time; a pipe holds 64 KiB.
const HIGH_WATER: usize = 256 * 1024;
/// Pieces of one write.
const PIECES: usize = 16;

/// Takes the one answer of the program.
#[derive(Debug)]
pub(super) struct Output<O, E> {
    stdout: Stream<O>,
    stderr: Stream<E>,
    end: End,
    /// Something was put in since the last write.
    new: bool,
}

/// How the answer has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    NotYet,
    Whole,
    CutOff,
}

impl<O, E> Output<O, E> {
    pub(super) const fn new(stdout: O, stderr: E) -> Self {
        Self { stdout: Stream::new(stdout), stderr: Stream::new(stderr), end: End::NotYet, new: false }
    }

    /// Whether all that was put in is written.
    pub(super) const fn is_empty(&self) -> bool {
        self.stdout.len == 0 && self.stderr.len == 0
    }

    /// Whether a write would find more than the last one did.
    pub(super) const fn has_new(&self) -> bool {
        self.new
    }

    /// Error text with its line break.
    pub(super) fn stderr_text(&mut self, text: Vec<u8>) {
        self.stderr.push(text.into());
        self.new = true;
    }

    pub(super) fn result(&self) -> Result<(), Error> {
        match self.end {
            End::Whole => Ok(()),
            End::NotYet | End::CutOff => Err(ErrorKind::IncompleteResponse.into()),
        }
    }
}

impl<O: AsyncWrite + Unpin, E: AsyncWrite + Unpin> Output<O, E> {
    /// Writes what waits. Ready when nothing does, and all is flushed.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> io::Result<Poll<()>> {
        self.new = false;
        // Both are written to, whichever waits: a web server may read one of them to its end before the other.
        let stderr = self.stderr.poll_write(cx);
        if matches!(stderr, Poll::Ready(Err(_))) {
            // Its lines have nowhere to go, which is no reason to keep the answer back.
            self.stderr.clear();
        }
        match self.stdout.poll_write(cx) {
            Poll::Ready(Ok(())) => Ok(stderr.map(drop)),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Ok(Poll::Pending),
        }
    }
}

impl<O, E> ResponseWriter for Output<O, E> {
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
        self.new = true;
    }

    /// There are no records: each frame of a body is written as soon as it can be.
    fn split_record(&mut self) {}

    fn stderr(&mut self, line: &[u8]) {
        self.stderr_text([line, b"\n"].concat());
    }

    /// What waits is dropped: the sooner the answer breaks off, the surer it is that the web server notices.
    fn abort(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.stdout.clear();
        if self.stdout.written == 0 {
            self.stdout_with(write);
        } else {
            self.end = End::CutOff;
        }
    }

    fn end(&mut self) {
        if self.end == End::NotYet {
            self.end = End::Whole;
        }
        self.new = true;
    }

    fn is_full(&self) -> bool {
        self.stdout.len + self.stderr.len >= HIGH_WATER
    }
}

/// One of the two, with what waits for it.
#[derive(Debug)]
struct Stream<W> {
    io: W,
    /// None of them is empty.
    pieces: VecDeque<Bytes>,
    /// Bytes in them.
    len: usize,
    /// Bytes that `io` took.
    written: u64,
    unflushed: bool,
}

impl<W> Stream<W> {
    const fn new(io: W) -> Self {
        Self { io, pieces: VecDeque::new(), len: 0, written: 0, unflushed: false }
    }

    fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.len += piece.len();
            self.pieces.push_back(piece);
        }
    }

    fn clear(&mut self) {
        self.pieces.clear();
        self.len = 0;
        self.unflushed = false;
    }

    fn advance(&mut self, mut written: usize) {
        self.len = self.len.saturating_sub(written);
        self.written = self.written.saturating_add(written as u64);
        while let Some(piece) = self.pieces.front_mut() {
            if piece.len() > written {
                piece.advance(written);
                return;
            }
            written -= piece.len();
            self.pieces.pop_front();
        }
    }
}

impl<W: AsyncWrite + Unpin> Stream<W> {
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.pieces.is_empty() {
            let mut slices = [IoSlice::new(&[]); PIECES];
            let mut count = 0;
            for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
                *slice = IoSlice::new(piece);
                count += 1;
            }
            // A writer without vectored writes takes the first piece.
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
