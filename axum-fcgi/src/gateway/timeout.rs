//! The timeout for the head of a response.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use http_body::{Body as _, Frame, SizeHint};
use tokio::time::{Instant, timeout_at};

use super::spool::Collected;
use crate::request_log::{RequestLog, request_event};

/// The deadline for the head of one response.
pub(super) struct HeadTimeout {
    started: Instant,
    header_timeout: Option<Duration>,
    /// The deadline of the whole response.
    deadline: Option<Instant>,
    /// `None` if the body is in memory: then the application alone is waited for.
    upload: Option<Arc<UploadProgress>>,
    collected: Collected,
}

/// How far the application has taken the request's body.
#[derive(Debug, Default)]
struct UploadProgress {
    /// Milliseconds from the start to the last frame.
    last_frame: AtomicU64,
    /// Whether the application has asked for a frame that has not come yet.
    awaits_frame: AtomicBool,
}

/// Who was too slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expired {
    Client,
    Application,
}

impl Expired {
    pub(super) fn log_and_status(self, request: &RequestLog) -> StatusCode {
        match self {
            Self::Client => {
                request_event!(
                    debug,
                    request,
                    "the client sent nothing more of the body in time: answering 408"
                );
                StatusCode::REQUEST_TIMEOUT
            }
            Self::Application => {
                request_event!(
                    warn,
                    request,
                    "the application timed out before it sent a response: answering 504"
                );
                StatusCode::GATEWAY_TIMEOUT
            }
        }
    }
}

impl HeadTimeout {
    /// Starts the timeout. Each frame of a request's body that is not in memory restarts it, because a large upload may take
    /// long.
    pub(super) fn new(
        header_timeout: Option<Duration>,
        deadline: Option<Instant>,
        body: &mut Body,
        collected: Collected,
    ) -> Self {
        let started = Instant::now();
        let mut timeout = Self { started, header_timeout, deadline, upload: None, collected };
        let is_timed = header_timeout.is_some() || deadline.is_some();
        if is_timed && collected != Collected::InMemory && !body.is_end_stream() {
            let progress = Arc::clone(timeout.upload.insert(Arc::default()));
            *body = Body::new(TimedBody { body: std::mem::take(body), started, progress });
        }
        timeout
    }

    /// Runs `future`, and returns its output.
    pub(super) async fn run<F: Future>(&self, mut future: Pin<&mut F>) -> Result<F::Output, Expired> {
        loop {
            let Some(deadline) = self.next_deadline() else { return Ok(future.await) };
            match timeout_at(deadline, future.as_mut()).await {
                Ok(output) => return Ok(output),
                Err(_) if self.next_deadline() == Some(deadline) => return Err(self.expired()),
                Err(_) => {}
            }
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let last_frame = self.upload.as_ref().map_or(0, |upload| upload.last_frame.load(Ordering::Relaxed));
        let last_frame = self.started.checked_add(Duration::from_millis(last_frame))?;
        let header = self.header_timeout.and_then(|limit| last_frame.checked_add(limit));
        header.into_iter().chain(self.deadline).min()
    }

    fn expired(&self) -> Expired {
        let awaits_frame =
            self.upload.as_ref().is_some_and(|upload| upload.awaits_frame.load(Ordering::Relaxed));
        if awaits_frame && self.collected == Collected::No { Expired::Client } else { Expired::Application }
    }
}

/// A request body that records how far it was read.
struct TimedBody {
    body: Body,
    started: Instant,
    progress: Arc<UploadProgress>,
}

impl http_body::Body for TimedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.progress.awaits_frame.store(polled.is_pending(), Ordering::Relaxed);
        if polled.is_ready() {
            let millis = self.started.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
            self.progress.last_frame.store(millis, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::pin::pin;

    use super::*;

    fn head_timeout(header: u64, total: Option<u64>) -> HeadTimeout {
        let [header_timeout, total] = [Some(header), total].map(|limit| limit.map(Duration::from_secs));
        let started = Instant::now();
        let deadline = total.map(|total| started + total);
        let upload = Some(Arc::default());
        HeadTimeout { started, header_timeout, deadline, upload, collected: Collected::No }
    }

    #[tokio::test(start_paused = true)]
    async fn head_timeout_starts_at_the_last_body_chunk() {
        let (timeout, start) = (head_timeout(10, None), Instant::now());
        assert_eq!(timeout.run(pin!(pending::<()>())).await, Err(Expired::Application));
        assert_eq!(start.elapsed().as_secs(), 10);

        let (timeout, start) = (head_timeout(10, None), Instant::now());
        let uploading = async {
            for _ in 0..5 {
                tokio::time::sleep(Duration::from_secs(8)).await;
                let millis = timeout.started.elapsed().as_millis().try_into().unwrap();
                timeout.upload.as_ref().unwrap().last_frame.store(millis, Ordering::Relaxed);
            }
            pending::<()>().await;
        };
        assert_eq!(timeout.run(pin!(uploading)).await, Err(Expired::Application));
        assert_eq!(start.elapsed().as_secs(), 50);
    }

    #[tokio::test(start_paused = true)]
    async fn the_total_timeout_ends_the_wait_for_the_head() {
        let (timeout, start) = (head_timeout(10, Some(4)), Instant::now());
        assert_eq!(timeout.run(pin!(pending::<()>())).await, Err(Expired::Application));
        assert_eq!(start.elapsed().as_secs(), 4);
        assert_eq!(timeout.run(pin!(std::future::ready(1))).await, Ok(1));
    }
}
