//! One application of a balancer.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::Request;
use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::health::{FailureLimit, Health};
use crate::client::body_in_hand::BodyInHand;
use crate::client::dispatch::ResponseResult;
use crate::client::pool::{HeadWatch, Patience, Pool};

/// An application: its pool, and what is known of it.
pub(super) struct Member<C, B> {
    pool: Pool<C, B>,
    health: Mutex<Health>,
}

impl<C, B> Member<C, B> {
    pub(super) const fn new(pool: Pool<C, B>) -> Self {
        Self { pool, health: Mutex::new(Health::Available) }
    }

    /// The requests that wait or are in flight.
    pub(super) fn load(&self) -> usize {
        self.pool.load()
    }

    pub(super) fn is_available(&self, now: Instant) -> bool {
        self.retry_at().is_none_or(|retry_at| now >= retry_at)
    }

    /// When it is available again, if it is not.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.health().retry_at()
    }

    /// Records that it is chosen for a request. The trial, if that tries an unavailable application, must be kept until the
    /// request has ended.
    pub(super) fn begin(&self, now: Instant, limit: FailureLimit) -> Option<Trial<'_>> {
        self.health().begin(now, limit).then(|| Trial { health: &self.health, began: now, limit })
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        lock(&self.health)
    }
}

/// A request that tries an unavailable application, until this is dropped: also if its caller leaves, or a connect panics.
pub(super) struct Trial<'a> {
    health: &'a Mutex<Health>,
    began: Instant,
    limit: FailureLimit,
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        lock(self.health).trial_ended(self.began, self.limit);
    }
}

fn lock(health: &Mutex<Health>) -> MutexGuard<'_, Health> {
    // Nothing panics while it holds the lock.
    health.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<C, F, IO, B> Member<C, B>
where
    C: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = io::Result<IO>> + Send + 'static,
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    /// Sends a request, and records whether that failed.
    pub(super) async fn send(
        &self,
        request: Request<B>,
        patience: Patience,
        limit: FailureLimit,
    ) -> ResponseResult<B> {
        // Otherwise the application may wait for the client.
        let in_hand = request.body().is_end_stream() || request.extensions().get::<BodyInHand>().is_some();
        let report = || {
            tracing::debug!("an application has sent no head for long: that counts as a failure");
            self.health().failed(Instant::now(), limit);
        };
        let watch = HeadWatch::new(limit.max_head_wait.filter(|_| in_hand), &report);
        let result = self.pool.try_send(request, patience, watch).await;
        match &result {
            Ok(_) => self.health().succeeded(),
            Err(failed) if failed.error.is_unreachable() => self.health().failed(Instant::now(), limit),
            Err(_) => {}
        }
        result
    }
}

impl<C, B> fmt::Debug for Member<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("load", &self.load())
            .field("health", &*self.health())
            .finish_non_exhaustive()
    }
}
