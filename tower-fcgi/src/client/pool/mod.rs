//! A pool of connections to one application.

mod application;
mod builder;
mod capacity;
mod connections;
mod connector;
mod finish_on_drop;
mod future;
mod head_watch;
mod multiplexing;
mod probing;
mod send;

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite};
use tower_service::Service;

use self::application::Application;
pub use self::builder::PoolBuilder;
use self::capacity::PoolCapacity;
use self::connections::PooledConnections;
use self::connector::Connector;
pub(super) use self::connector::Patience;
pub use self::future::PoolFuture;
pub(super) use self::head_watch::HeadWatch;
pub(super) use self::send::is_idempotent;
use super::config::Config;
use super::error::Error;
use super::response_body::ResponseBody;
use crate::stats::{PoolRecorder, PoolSnapshot};

/// A tower service that sends requests to one application over a pool of connections.
///
/// It connects when needed, limits the number of connections, and [keeps](Config::with_keep_conn) them if it is told to.
/// Clones share the connections. For several applications with the same content, see [`Balance`](super::Balance).
///
/// `connect` makes the transport, which can be anything that reads and writes:
///
/// ```
/// use tokio::net::{TcpStream, UnixStream};
/// use tower_fcgi::client::{Config, Pool};
/// # type Body = http_body_util::Empty<bytes::Bytes>;
/// let php: Pool<_, Body> = Pool::builder(|| UnixStream::connect("/run/php/php-fpm.sock")).max_size(16).build();
/// let kept = Config::default().with_keep_conn(true).with_ready_check(false);
/// let app: Pool<_, Body> = Pool::builder(|| TcpStream::connect("127.0.0.1:9000")).config(kept).build();
/// ```
///
/// # Which connection
/// A request is sent over the most recently used idle connection. If none is idle, with
/// [multiplexing](super#multiplexing), over the one with the fewest requests that takes another. Otherwise over a new one,
/// up to the limit. A connection is not idle until the application is known to be [free](Config::with_ready_check).
///
/// With that check, there is an exception: a request that could not be sent again, because its method is not idempotent (RFC 9110
/// §9.2.2) or because it has a body, is sent over a new connection. An idle one is closed to make room. The reason is that a worker
/// of php-fpm that ends, for example at a reload, closes a kept connection at any moment between two requests, and leaves unread what
/// was sent meanwhile. An application that multiplexes gets these requests over kept connections, too.
///
/// # Waiting
/// If no connection is free, requests wait in order; `poll_ready` is always ready.
/// [`acquire_timeout`](PoolBuilder::acquire_timeout) limits the wait. The number of waiting requests is not limited: use
/// tower's `concurrency_limit` or `load_shed` for that.
///
/// # Connecting
/// A connect fails if it takes longer than [`connect_timeout`](PoolBuilder::connect_timeout). Within that time it is repeated,
/// after 1 ms, and then after twice as long each time, up to 50 ms, by one request after the other:
///
/// - while the backlog of a Unix socket is full (`EAGAIN`). TCP repeats it itself;
/// - while the application is being restarted, so that nothing listens or the socket is missing (`ECONNREFUSED`, `ENOENT`):
///   for [`restart_grace`](PoolBuilder::restart_grace) after the first failure, 1 s. Later requests fail at once, until
///   a connect succeeds.
///
/// # Retries
/// A request is sent again, at most once, if its body was not polled and it cannot take effect twice:
///
/// - if a kept connection is lost before any byte of the response, and no byte of the request was written or its method
///   is idempotent (RFC 9110 §9.2.2);
/// - if, with multiplexing, the application rejects it because of others on its connection (CANT_MPX_CONN, OVERLOADED;
///   FastCGI §5.5).
///
/// # Cancel safety
/// Dropping a call's future removes the request from the queue. A request that has left the queue, and whose body is in hand, is
/// sent completely all the same, also if its connection is still being made; then it is aborted, or
/// [finished](Config::with_finish_abandoned). Its connection counts towards the limit until the application has ended the
/// request, or [`Config::abort_timeout`] has passed.
///
/// # Panics
/// The future of a call panics outside a tokio runtime, because each connection is a task.
pub struct Pool<C, B> {
    shared: Arc<PoolState<C, B>>,
}

struct PoolState<C, B> {
    connector: Connector<C>,
    config: Config,
    acquire_timeout: Option<Duration>,
    capacity: PoolCapacity,
    application: Arc<Application>,
    connections: PooledConnections<B>,
    recorder: PoolRecorder,
}

impl<C> Pool<C, ()> {
    /// The builder of a pool whose transports `connect` makes.
    pub fn builder<F, IO>(connect: C) -> PoolBuilder<C>
    where
        C: Fn() -> F,
        F: Future<Output = io::Result<IO>>,
    {
        PoolBuilder::new(connect)
    }
}

impl<C, B> Pool<C, B> {
    /// The numbers of this pool now. They are always counted.
    #[must_use]
    pub fn stats(&self) -> PoolSnapshot {
        let PoolState { capacity, connections, recorder, .. } = &*self.shared;
        let (idle, ended) = connections.unused();
        recorder.snapshot(capacity.in_use().saturating_sub(ended), idle)
    }

    /// The requests that wait for a connection, or have one and are not ended.
    pub(super) fn load(&self) -> usize {
        let PoolState { capacity, connections, .. } = &*self.shared;
        let (open, requests) = connections.load();
        // A request that connects has a permit, but its connection is not in the list yet.
        capacity.waiting() + capacity.in_use().saturating_sub(open) + requests
    }
}

impl<C, F, IO, B> Service<Request<B>> for Pool<C, B>
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

impl<C, B> Clone for Pool<C, B> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<C, B> fmt::Debug for Pool<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("connections", &self.shared.connections.len()).finish_non_exhaustive()
    }
}
