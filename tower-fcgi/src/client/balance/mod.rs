//! Several applications with the same content, as one service.

mod builder;
mod health;
mod member;

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tower_service::Service;

pub use self::builder::BalanceBuilder;
use self::health::FailureLimit;
use self::member::{Member, Trial};
use super::dispatch::FailedRequest;
use super::error::Error;
use super::pool::{Patience, Pool, PoolFuture, is_idempotent};
use super::response_body::ResponseBody;

/// A tower service that spreads requests over several applications with the same content, each with a [`Pool`].
///
/// Clones share the applications.
///
/// ```
/// use tokio::net::TcpStream;
/// use tower_fcgi::client::{Balance, Pool};
/// # type Body = http_body_util::Empty<bytes::Bytes>;
/// let servers = ["192.0.2.1:9000", "192.0.2.2:9000"];
/// let pools = servers.map(|server| Pool::builder(move || TcpStream::connect(server)).max_size(16).build());
/// let php: Balance<_, Body> = Balance::builder(pools).build();
/// ```
///
/// # Which application
/// The one with the fewest requests that wait or are in flight, as nginx's `least_conn`. Of equal ones, each in turn.
///
/// # Failover
/// A request is sent to the next application, and to each at most once, if its body was not polled and it cannot take effect
/// twice:
///
/// - if nothing of it was sent, because connecting failed or its pool had [no free connection](super::ErrorKind::AcquireTimeout);
/// - if its method is idempotent (RFC 9110 §9.2.2), and the connection is lost before any byte of the response;
/// - if the application [rejects](Error::protocol_status) it because it is overloaded (OVERLOADED, CANT_MPX_CONN; FastCGI
///   §5.5).
///
/// A request waits for an application that [takes no connection](Pool#connecting) only if no other is available.
///
/// # Failures
/// After [`max_fails`](BalanceBuilder::max_fails) failures within [`fail_timeout`](BalanceBuilder::fail_timeout), an
/// application is unavailable for that time, as in nginx. Then it gets one request, and is available again if it responds. If
/// that request ends without a result, because its caller leaves or its pool is busy, the next one follows as long after its
/// begin. If all are unavailable, they are tried all the same.
///
/// A failure is one of these:
///
/// - a connect that fails, except because of a full backlog;
/// - a connection that is lost before any byte of a response;
/// - a response whose head takes longer than [`max_head_wait`](BalanceBuilder::max_head_wait), because the application
///   hangs. When it sends the head after all, the application is available again.
///
/// A call whose future is dropped before does not count as a failure.
///
/// Unlike with nginx's `fastcgi_next_upstream timeout`, a request that has waited that long is not sent to the next
/// application: it may only be slow, and would run twice.
///
/// # Cancel safety
/// Dropping a call's future has the same effect as with a [`Pool`].
///
/// # Panics
/// The future of a call panics outside a tokio runtime, because each connection is a task.
pub struct Balance<C, B> {
    shared: Arc<BalanceState<C, B>>,
}

struct BalanceState<C, B> {
    /// At least one.
    members: Box<[Member<C, B>]>,
    /// Where the next request begins its search.
    next: AtomicUsize,
    limit: FailureLimit,
}

/// The member that is tried next.
struct Choice<'a, C, B> {
    index: usize,
    member: &'a Member<C, B>,
    patience: Patience,
    /// `None`: the member is available, or the last resort.
    trial: Option<Trial<'a>>,
}

impl<C, B> Balance<C, B> {
    /// The builder for these applications.
    pub fn builder(pools: impl IntoIterator<Item = Pool<C, B>>) -> BalanceBuilder<C, B> {
        BalanceBuilder::new(pools)
    }
}

impl<C, B> BalanceState<C, B> {
    /// The least loaded of the available members that were not tried. Of unavailable ones, the first to be available again.
    /// The search begins at `first`.
    fn choose(&self, first: usize, tried: &[usize]) -> Option<Choice<'_, C, B>> {
        let (now, len) = (Instant::now(), self.members.len());
        let untried = || {
            let order = (0..len).map(move |step| first.wrapping_add(step) % len);
            let members = order.filter_map(|index| Some((index, self.members.get(index)?)));
            members.filter(|(index, _)| !tried.contains(index))
        };
        let available = || untried().filter(|(_, member)| member.is_available(now));
        let least_loaded = available().min_by_key(|(_, member)| member.load());
        let chosen = least_loaded.or_else(|| untried().min_by_key(|(_, member)| member.retry_at()));
        let (index, member) = chosen?;
        let patience =
            if available().any(|(other, _)| other != index) { Patience::None } else { Patience::Wait };
        let trial = member.begin(now, self.limit);
        Some(Choice { index, member, patience, trial })
    }
}

impl<C, F, IO, B> Balance<C, B>
where
    C: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = io::Result<IO>> + Send + 'static,
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    async fn send(self, mut request: Request<B>) -> Result<Response<ResponseBody>, Error> {
        let idempotent = is_idempotent(request.method());
        let first = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let (mut tried, mut failure) = (Vec::new(), None);
        while let Some(Choice { index, member, patience, trial: _trial }) = self.shared.choose(first, &tried)
        {
            tried.push(index);
            let failed = match member.send(request, patience, self.shared.limit).await {
                Ok(response) => return Ok(response),
                Err(failed) => *failed,
            };
            let retryable = is_retryable(&failed, idempotent);
            let FailedRequest { error, request: returned, .. } = failed;
            let Some(returned) = returned.filter(|_| retryable) else { return Err(error) };
            tracing::debug!(
                error = &error as &(dyn StdError + 'static),
                "an application did not take a request: trying the next one"
            );
            (request, failure) = (returned, Some(error));
        }
        // There is at least one member, so there was a failure.
        Err(failure.unwrap_or_else(|| super::error::ErrorCause::Closed.into()))
    }
}

/// Whether another application can take a request.
fn is_retryable<B>(failed: &FailedRequest<B>, idempotent: bool) -> bool {
    failed.unsent
        || idempotent && failed.error.is_connection_lost()
        || failed.error.is_rejected_for_capacity()
}

impl<C, F, IO, B> Service<Request<B>> for Balance<C, B>
where
    C: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = io::Result<IO>> + Send + 'static,
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Response = Response<ResponseBody>;
    type Error = Error;
    type Future = PoolFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        PoolFuture::new(self.clone().send(request))
    }
}

impl<C, B> Clone for Balance<C, B> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<C, B> fmt::Debug for Balance<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Balance").field("members", &self.shared.members).finish_non_exhaustive()
    }
}
