//! The timeout for the head of a response.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body::{Body as _, Frame, SizeHint};
use tokio::time::{Instant, timeout_at};

use super::settings::Settings;

/// The deadline for the head of one response.
pub(super) struct HeadTimeout {
    started: Instant,
    header_timeout: Option<Duration>,
    total_timeout: Option<Duration>,
    /// Milliseconds from `started` to the last frame of the request's body; `None` if it has no body.
    last_frame: Option<Arc<AtomicU64>>,
}

impl HeadTimeout {
    /// Starts the timeout. Each frame of the request's body restarts it, because a large upload may take long.
    pub(super) fn new(settings: &Settings, started: Instant, body: &mut Body) -> Self {
        let mut timeout = Self {
            started,
            header_timeout: settings.header_timeout,
            total_timeout: settings.timeout,
            last_frame: None,
        };
        if timeout.header_timeout.is_some() && !body.is_end_stream() {
            let last_frame = Arc::clone(timeout.last_frame.insert(Arc::default()));
            *body = Body::new(TimedBody { body: std::mem::take(body), started, last_frame });
        }
        timeout
    }

    /// Runs `future`, and returns its output, or `None` on timeout.
    pub(super) async fn run<F: Future>(&self, mut future: Pin<&mut F>) -> Option<F::Output> {
        loop {
            let Some(deadline) = self.deadline() else { return Some(future.await) };
            match timeout_at(deadline, future.as_mut()).await {
                Ok(output) => return Some(output),
                Err(_) if self.deadline() == Some(deadline) => return None,
                Err(_) => {}
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let last_frame = self.last_frame.as_ref().map_or(0, |millis| millis.load(Ordering::Relaxed));
        let last_frame = self.started.checked_add(Duration::from_millis(last_frame))?;
        let header = self.header_timeout.and_then(|limit| last_frame.checked_add(limit));
        let total = self.total_timeout.and_then(|limit| self.started.checked_add(limit));
        header.into_iter().chain(total).min()
    }
}

/// A request body that records when its last frame was read.
struct TimedBody {
    body: Body,
    started: Instant,
    last_frame: Arc<AtomicU64>,
}

impl http_body::Body for TimedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if polled.is_ready() {
            let millis = self.started.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
            self.last_frame.store(millis, Ordering::Relaxed);
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
        let [header_timeout, total_timeout] =
            [Some(header), total].map(|limit| limit.map(Duration::from_secs));
        let last_frame = Some(Arc::default());
        HeadTimeout { started: Instant::now(), header_timeout, total_timeout, last_frame }
    }

    #[tokio::test(start_paused = true)]
    async fn head_timeout_starts_at_the_last_body_chunk() {
        let (timeout, start) = (head_timeout(10, None), Instant::now());
        assert_eq!(timeout.run(pin!(pending::<()>())).await, None);
        assert_eq!(start.elapsed().as_secs(), 10);

        let (timeout, start) = (head_timeout(10, None), Instant::now());
        let uploading = async {
            for _ in 0..5 {
                tokio::time::sleep(Duration::from_secs(8)).await;
                let millis = timeout.started.elapsed().as_millis().try_into().unwrap();
                timeout.last_frame.as_ref().unwrap().store(millis, Ordering::Relaxed);
            }
            pending::<()>().await;
        };
        assert_eq!(timeout.run(pin!(uploading)).await, None);
        assert_eq!(start.elapsed().as_secs(), 50);
    }

    #[tokio::test(start_paused = true)]
    async fn the_total_timeout_ends_the_wait_for_the_head() {
        let (timeout, start) = (head_timeout(10, Some(4)), Instant::now());
        assert_eq!(timeout.run(pin!(pending::<()>())).await, None);
        assert_eq!(start.elapsed().as_secs(), 4);
        assert_eq!(timeout.run(pin!(std::future::ready(1))).await, Some(1));
    }
}
