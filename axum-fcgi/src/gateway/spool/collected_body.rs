//! A request's body that was collected.

use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;

use super::error::SpoolError;
use super::temp_file::TempFile;
use super::total::Reservation;

/// The most bytes that are read from the file at once.
const READ_BATCH: u64 = 128 * 1024;

/// A collected body: first the file, if there is one, then the rest from memory.
pub(super) struct CollectedBody {
    file: Option<TempFile>,
    position: u64,
    file_len: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
    rest: Bytes,
    _memory: Reservation,
}

impl CollectedBody {
    pub(super) const fn new(file: Option<TempFile>, file_len: u64, rest: Bytes, memory: Reservation) -> Self {
        Self { file, position: 0, file_len, reading: None, rest, _memory: memory }
    }

    pub(super) const fn is_in_file(&self) -> bool {
        self.file.is_some()
    }

    fn left(&self) -> u64 {
        self.file_len - self.position + self.rest.len() as u64
    }
}

impl Body for CollectedBody {
    type Data = Bytes;
    type Error = SpoolError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SpoolError>>> {
        let this = &mut *self;
        let Some(file) = &this.file else {
            let rest = mem::take(&mut this.rest);
            return Poll::Ready((!rest.is_empty()).then(|| Ok(Frame::data(rest))));
        };
        let (at, left) = (this.position, this.file_len - this.position);
        let reading = this.reading.get_or_insert_with(|| file.start_read(at, left.min(READ_BATCH)));
        let read = file.read_result(ready!(Pin::new(reading).poll(cx)));
        this.reading = None;
        match &read {
            Ok(bytes) => this.position += bytes.len() as u64,
            Err(_) => (this.position, this.rest) = (this.file_len, Bytes::new()),
        }
        if this.position == this.file_len {
            this.file = None;
        }
        Poll::Ready(Some(read.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left())
    }
}
