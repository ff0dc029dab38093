//! How long a head is waited for.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body::{Body as _, Frame, SizeHint};
use tokio::time::{Instant, timeout_at};

use super::settings::Settings;

/// The limits of one request.
pub(super) struct HeadTimeout {
    begun: Instant,
    head: Option<Duration>,
    whole: Option<Duration>,
    /// Milliseconds from the beginning to the last piece of the request's body, where there is one to wait for.
    taken: Option<Arc<AtomicU64>>,
}

impl HeadTimeout {
    /// Each piece of the body begins the wait for the head anew: a client may take its time over a large one.
    pub(super) fn new(settings: &Settings, begun: Instant, body: &mut Body) -> Self {
        let mut patience = Self { begun, head: settings.head_timeout, whole: settings.timeout, taken: None };
        if patience.head.is_some() && !body.is_end_stream() {
            let taken = Arc::clone(patience.taken.insert(Arc::default()));
            *body = Body::new(Watched { body: std::mem::take(body), begun, taken });
        }
        patience
    }

    /// What comes of it, or `None` where it takes too long.
    pub(super) async fn wait<F: Future>(&self, mut future: Pin<&mut F>) -> Option<F::Output> {
        loop {
            let Some(until) = self.until() else { return Some(future.await) };
            match timeout_at(until, future.as_mut()).await {
                Ok(output) => return Some(output),
                Err(_) if self.until() == Some(until) => return None,
                Err(_) => {}
            }
        }
    }

    fn until(&self) -> Option<Instant> {
        let taken = self.taken.as_ref().map_or(0, |taken| taken.load(Ordering::Relaxed));
        let taken = self.begun.checked_add(Duration::from_millis(taken))?;
        let head = self.head.and_then(|limit| taken.checked_add(limit));
        let whole = self.whole.and_then(|limit| self.begun.checked_add(limit));
        head.into_iter().chain(whole).min()
    }
}

struct Watched {
    body: Body,
    begun: Instant,
    taken: Arc<AtomicU64>,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if polled.is_ready() {
            let taken = self.begun.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
            self.taken.store(taken, Ordering::Relaxed);
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

    fn patience(head: u64, whole: Option<u64>) -> HeadTimeout {
        let [head, whole] = [Some(head), whole].map(|limit| limit.map(Duration::from_secs));
        HeadTimeout { begun: Instant::now(), head, whole, taken: Some(Arc::default()) }
    }

    #[tokio::test(start_paused = true)]
    async fn head_timeout_starts_at_the_last_body_chunk() {
        let (patience, start) = (patience(10, None), Instant::now());
        assert_eq!(patience.wait(pin!(pending::<()>())).await, None);
        assert_eq!(start.elapsed().as_secs(), 10);

        let (patience, start) = (self::patience(10, None), Instant::now());
        let uploading = async {
            for _ in 0..5 {
                tokio::time::sleep(Duration::from_secs(8)).await;
                let taken = patience.begun.elapsed().as_millis().try_into().unwrap();
                patience.taken.as_ref().unwrap().store(taken, Ordering::Relaxed);
            }
            pending::<()>().await;
        };
        assert_eq!(patience.wait(pin!(uploading)).await, None);
        assert_eq!(start.elapsed().as_secs(), 50);
    }

    #[tokio::test(start_paused = true)]
    async fn the_whole_has_its_own_time() {
        let (patience, start) = (patience(10, Some(4)), Instant::now());
        assert_eq!(patience.wait(pin!(pending::<()>())).await, None);
        assert_eq!(start.elapsed().as_secs(), 4);
        assert_eq!(patience.wait(pin!(std::future::ready(1))).await, Some(1));
    }
}
