//! Collects the body of a request before a worker is taken.

use std::mem;
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use bytes::BytesMut;
use http_body::{Body as _, Frame};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};
use tower_fcgi::client::body_length;

use super::buffering::{Buffering, RequestBuffering};
use super::collect_error::CollectError;
use super::collected_body::CollectedBody;
use super::poll_now::poll_now;
use super::temp_file::TempFile;
use super::total::Reservation;
use super::upload_rate::UploadRate;

/// The most bytes that are written to a file at once. What has arrived is collected in memory up to this size, also above
/// [`Buffering::with_request_memory`].
const WRITE_BATCH: usize = 128 * 1024;

/// Where the body of a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) enum Collected {
    /// Still at the client, at least in part.
    No,
    InMemory,
    InFile,
}

/// Replaces the body of a request by a collected one, if `buffering` says so. Fails with a timeout at `deadline`.
///
/// # Cancel safety
/// The body is lost if the future is dropped.
pub(in crate::gateway) async fn collect(
    request: &mut Request,
    buffering: &Buffering,
    deadline: Option<Instant>,
) -> Result<Collected, CollectError> {
    let declared = body_length(request.body(), request.headers());
    match buffering.requests {
        RequestBuffering::All => {}
        RequestBuffering::UnknownLength if declared.is_none() => {}
        RequestBuffering::UnknownLength | RequestBuffering::Off => return Ok(Collected::No),
    }
    let mut collector = Collector::new(buffering);
    if declared.is_some_and(|declared| declared > collector.limit) {
        return Err(CollectError::TooLarge { limit: collector.limit });
    }
    let body = request.body_mut();
    while let Some(frame) = collector.next_frame(body, deadline).await? {
        // RFC 3875 has no trailers.
        if let Ok(data) = frame.into_data() {
            collector.push(data).await?;
        }
        if body.is_end_stream() {
            break;
        }
    }
    if let Some(declared) = declared.filter(|declared| *declared != collector.len) {
        return Err(CollectError::Length { collected: collector.len, declared });
    }
    let collected = collector.finish().await?;
    let place = if collected.is_in_file() { Collected::InFile } else { Collected::InMemory };
    *request.body_mut() = Body::new(collected);
    Ok(place)
}

/// The next frame, and how long the client was waited for.
type Waited = (Option<Result<Frame<Bytes>, axum::Error>>, Duration);

struct Collector<'a> {
    buffering: &'a Buffering,
    limit: u64,
    /// All bytes so far.
    len: u64,
    /// The first chunk, as long as no other follows: most bodies have one, which is not copied.
    first: Bytes,
    /// Later chunks are copied, because a small one can keep a large buffer of the HTTP server.
    buffer: BytesMut,
    memory: Reservation,
    file: Option<TempFile>,
    file_len: u64,
    rate: UploadRate,
    /// The end of the client's time for the whole body.
    deadline: Option<Instant>,
}

impl<'a> Collector<'a> {
    fn new(buffering: &'a Buffering) -> Self {
        Self {
            buffering,
            limit: buffering.body_limit(),
            len: 0,
            first: Bytes::new(),
            buffer: BytesMut::new(),
            memory: buffering.reserve_memory(),
            file: None,
            file_len: 0,
            rate: UploadRate::new(buffering.min_body_rate),
            deadline: buffering.body_timeout.and_then(|limit| Instant::now().checked_add(limit)),
        }
    }

    async fn next_frame(
        &mut self,
        body: &mut Body,
        deadline: Option<Instant>,
    ) -> Result<Option<Frame<Bytes>>, CollectError> {
        let (polled, waited) = match poll_now(body) {
            Poll::Ready(polled) => (polled, Duration::ZERO),
            Poll::Pending => {
                self.before_wait().await?;
                self.wait(body, deadline).await?
            }
        };
        let frame = polled.transpose().map_err(CollectError::Client)?;
        let bytes = frame.as_ref().and_then(Frame::data_ref).map_or(0, Bytes::len);
        self.rate.add(bytes as u64, waited)?;
        Ok(frame)
    }

    /// Waits for the client. Also returns for how long, as far as the rate does not count it yet.
    async fn wait(&mut self, body: &mut Body, deadline: Option<Instant>) -> Result<Waited, CollectError> {
        let limit = self.buffering.body_read_timeout;
        let read_deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let timeout = read_deadline.into_iter().chain(deadline).min();
        loop {
            let started = Instant::now();
            let check = self.rate.left().and_then(|left| started.checked_add(left));
            let frame = match [timeout, self.deadline, check].into_iter().flatten().min() {
                None => Ok(body.frame().await),
                Some(at) => timeout_at(at, body.frame()).await,
            };
            let now = Instant::now();
            if let Ok(frame) = frame {
                return Ok((frame, now - started));
            }
            if timeout.is_some_and(|timeout| now >= timeout) {
                return Err(CollectError::Timeout);
            }
            if self.deadline.is_some_and(|deadline| now >= deadline) {
                return Err(CollectError::TooSlow);
            }
            self.rate.add(0, now - started)?;
        }
    }

    async fn push(&mut self, data: Bytes) -> Result<(), CollectError> {
        // It would be the first chunk again, and needs no file.
        if data.is_empty() {
            return Ok(());
        }
        self.len += data.len() as u64;
        if self.len > self.limit {
            return Err(CollectError::TooLarge { limit: self.limit });
        }
        let is_first = self.len == data.len() as u64;
        let fits = is_first || self.held() + data.len() <= WRITE_BATCH.max(self.buffering.request_memory);
        if !fits || !self.memory.try_grow(data.len() as u64) {
            return self.spill(data).await;
        }
        if is_first {
            self.first = data;
        } else {
            self.copy_first();
            self.buffer.extend_from_slice(&data);
        }
        Ok(())
    }

    /// The bytes in memory.
    fn held(&self) -> usize {
        self.first.len() + self.buffer.len()
    }

    fn copy_first(&mut self) {
        let first = mem::take(&mut self.first);
        self.buffer.extend_from_slice(&first);
    }

    /// Keeps only what may be in memory while the client is waited for.
    async fn before_wait(&mut self) -> Result<(), CollectError> {
        if self.held() > self.buffering.request_memory {
            return self.spill(Bytes::new()).await;
        }
        self.copy_first();
        Ok(())
    }

    /// Writes what is in memory, and `data`, to the file.
    async fn spill(&mut self, data: Bytes) -> Result<(), CollectError> {
        let held = self.held();
        let len = self.file_len + held as u64 + data.len() as u64;
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                let reserved = self.buffering.reserve_request_files();
                TempFile::create(&self.buffering.directory, reserved, len).await?
            }
        };
        let file = self.file.insert(file);
        file.try_reserve(len)?;
        // The buffer is given away, because it would keep its capacity.
        let chunks = [mem::take(&mut self.first), mem::take(&mut self.buffer).freeze(), data];
        file.write(self.file_len, chunks).await?;
        self.file_len = len;
        self.memory.shrink(held as u64);
        Ok(())
    }

    async fn finish(mut self) -> Result<CollectedBody, CollectError> {
        if self.file.is_some() && self.held() > self.buffering.request_memory {
            self.spill(Bytes::new()).await?;
        }
        let rest = if self.first.is_empty() { self.buffer.freeze() } else { self.first };
        Ok(CollectedBody::new(self.file, self.file_len, rest, self.memory))
    }
}
