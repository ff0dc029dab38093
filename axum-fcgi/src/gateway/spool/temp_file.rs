//! A temporary file without a name.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking};

use super::error::SpoolError;
use super::total::Reservation;

/// A temporary file that has no name (`O_TMPFILE`, or unlinked right after it was created), so that no crash leaves one.
///
/// All I/O runs on the runtime's threads for blocking work. One operation runs at a time. If its future is dropped, it
/// completes, and then the file is closed.
#[derive(Debug)]
pub(super) struct TempFile {
    /// `None` only while it is dropped.
    open: Option<Arc<OpenFile>>,
    directory: Arc<Path>,
}

#[derive(Debug)]
struct OpenFile {
    file: File,
    /// The disk space of the file. Returned after the file is closed, because fields are dropped in order.
    reserved: Mutex<Reservation>,
}

impl TempFile {
    /// Creates a file and reserves space for its first bytes.
    pub(super) async fn create(
        directory: &Arc<Path>,
        mut reserved: Reservation,
        bytes: u64,
    ) -> Result<Self, SpoolError> {
        if !reserved.try_grow(bytes) {
            return Err(SpoolError::TotalUsedUp);
        }
        let directory = Arc::clone(directory);
        let path = Arc::clone(&directory);
        let created = spawn_blocking(move || {
            let file = tempfile::tempfile_in(path)?;
            Ok(Arc::new(OpenFile { file, reserved: Mutex::new(reserved) }))
        });
        let open = finished(created.await).map_err(|error| SpoolError::io("creating", &directory, error))?;
        Ok(Self { open: Some(open), directory })
    }

    /// Reserves space for a file of `len` bytes in all. A file keeps its space until it is closed.
    pub(super) fn try_reserve(&self, len: u64) -> Result<(), SpoolError> {
        let open = self.open.as_ref().ok_or(SpoolError::TotalUsedUp)?;
        let mut reserved = open.reserved.lock().unwrap_or_else(PoisonError::into_inner);
        let more = len.saturating_sub(reserved.bytes());
        if reserved.try_grow(more) { Ok(()) } else { Err(SpoolError::TotalUsedUp) }
    }

    /// Writes all chunks at a position.
    pub(super) async fn write(
        &self,
        at: u64,
        chunks: impl IntoIterator<Item = Bytes> + Send + 'static,
    ) -> Result<(), SpoolError> {
        let written = self.run(move |mut file| {
            file.seek(SeekFrom::Start(at))?;
            chunks.into_iter().try_for_each(|chunk| file.write_all(&chunk))
        });
        finished(written.await).map_err(|error| SpoolError::io("writing", &self.directory, error))
    }

    /// Starts to read at most `max` bytes at a position. [`read`](Self::read) is the same as a future.
    pub(super) fn start_read(&self, at: u64, max: u64) -> JoinHandle<io::Result<Bytes>> {
        self.run(move |mut file| {
            file.seek(SeekFrom::Start(at))?;
            let mut bytes = Vec::with_capacity(usize::try_from(max).unwrap_or_default());
            file.take(max).read_to_end(&mut bytes)?;
            if bytes.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes.into()) }
        })
    }

    pub(super) async fn read(&self, at: u64, max: u64) -> Result<Bytes, SpoolError> {
        let read = self.start_read(at, max).await;
        self.read_result(read)
    }

    /// The result of [`start_read`](Self::start_read).
    pub(super) fn read_result(
        &self,
        read: Result<io::Result<Bytes>, tokio::task::JoinError>,
    ) -> Result<Bytes, SpoolError> {
        finished(read).map_err(|error| SpoolError::io("reading", &self.directory, error))
    }

    fn run<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&File) -> io::Result<T> + Send + 'static,
    ) -> JoinHandle<io::Result<T>> {
        let open = self.open.clone();
        spawn_blocking(move || operation(&open.ok_or(io::ErrorKind::NotFound)?.file))
    }
}

/// Closing frees the blocks of the file, which can take long.
impl Drop for TempFile {
    fn drop(&mut self) {
        if let (Some(open), Ok(runtime)) = (self.open.take(), Handle::try_current()) {
            runtime.spawn_blocking(move || drop(open));
        }
    }
}

/// An operation that did not finish: the runtime shuts down.
fn finished<T>(result: Result<io::Result<T>, tokio::task::JoinError>) -> io::Result<T> {
    result.unwrap_or_else(|error| Err(io::Error::other(error)))
}
