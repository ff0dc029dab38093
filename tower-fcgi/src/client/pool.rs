//! Connections to an application that are kept and shared.

use std::error::Error as StdError;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::{Method, Request, Response};
use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tower_service::Service;
use tracing::Instrument as _;

use super::body::ResponseBody;
use super::config::Config;
use super::connection::handshake;
use super::error::{Error, Kind};
use super::mailbox::{Answer, Unanswered};
use super::sender::SendRequest;

/// A bounded number of connections to one application, made when they are needed and kept for the next request: a
/// tower service. A clone shares them.
///
/// `connect` makes the transport, which can be whatever reads and writes:
///
/// ```
/// use tokio::net::{TcpStream, UnixStream};
/// use tower_fcgi::client::{Config, Pool};
/// # type Body = http_body_util::Empty<bytes::Bytes>;
/// let tcp: Pool<_, Body> = Pool::new(32, Config::default(), || TcpStream::connect("127.0.0.1:9000"));
/// let unix: Pool<_, Body> = Pool::new(32, Config::default(), || UnixStream::connect("/run/app.sock"));
/// ```
///
/// # Waiting
/// With all connections busy, requests wait in the order in which they came, without limit in number and time:
/// `poll_ready` is always ready. tower's `timeout`, `concurrency_limit` and `load_shed` bound them.
///
/// # A request is sent twice
/// only where nothing can come of it twice: once, over a new connection, when a kept one turns out to be closed before a
/// byte of an answer came, and either not a byte of the request was written, or its method is idempotent (RFC 9110
/// §9.2.2). In both cases nothing of its body may have been taken, for there is no second one.
///
/// # Cancel safety
/// Dropping a call's future gives the request up, and its place in the queue. Its connection counts until the application
/// has ended the request, or [`Config::abort_timeout`] has passed.
///
/// # Panics
/// Calls panic outside a tokio runtime: each connection is a task.
pub struct Pool<C, B> {
    shared: Arc<Shared<C, B>>,
    connect_timeout: Duration,
}

struct Shared<C, B> {
    connect: C,
    config: Config,
    /// One for each connection that may be; an idle one has given its back.
    permits: Arc<Semaphore>,
    /// The last is the one that was used last. Connections are made only when there is none here, so all
    /// together are never more than there are permits.
    idle: Mutex<Vec<SendRequest<B>>>,
}

impl<C, F, IO, B> Pool<C, B>
where
    C: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = io::Result<IO>>,
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    /// At most `connections`, and at least one, each of which `connect` makes.
    ///
    /// An application serves as many connections at once as it has processes or threads, for PHP
    /// `pm.max_children`; those beyond wait for it, where nobody sees them.
    pub fn new(connections: usize, config: Config, connect: C) -> Self {
        let permits = Arc::new(Semaphore::new(connections.clamp(1, Semaphore::MAX_PERMITS)));
        let shared = Shared { connect, config, permits, idle: Mutex::new(Vec::new()) };
        Self { shared: Arc::new(shared), connect_timeout: Duration::from_secs(5) }
    }

    /// How long making a connection may take. Default: 5 s.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    async fn send(self, mut request: Request<B>) -> Result<Response<ResponseBody>, Error> {
        let permits = Arc::clone(&self.shared.permits);
        let Ok(permit) = permits.acquire_owned().await else { return Err(Kind::Closed.into()) };
        let (sender, kept) = match self.shared.take_idle() {
            Some(sender) => (sender, true),
            None => (self.connect().await?, false),
        };
        let mut lease = Lease { shared: Arc::clone(&self.shared), held: Some((sender, permit)) };
        let method = request.method().clone();
        let Unanswered { error, request: back, unsent } = match lease.send(request).await {
            Ok(response) => return Ok(response),
            Err(unanswered) => *unanswered,
        };
        match back {
            Some(back) if kept && error.is_lost() && (unsent || is_idempotent(&method)) => request = back,
            _ => return Err(error),
        }
        tracing::debug!(
            error = &error as &(dyn StdError + 'static),
            "a kept connection was closed: the request is sent again"
        );
        // The application was started anew, or closes what is idle: the others are no better.
        self.shared.idle().clear();
        let sender = self.connect().await?;
        lease.renew(sender);
        lease.send(request).await.map_err(|unanswered| unanswered.error)
    }

    async fn connect(&self) -> Result<SendRequest<B>, Error> {
        let made = timeout(self.connect_timeout, (self.shared.connect)()).await;
        let io = made.map_err(|_| Kind::ConnectTimeout)?.map_err(Kind::from)?;
        let (sender, connection) = handshake(io, self.shared.config.clone());
        let logged = async {
            if let Err(error) = connection.await {
                tracing::debug!(
                    error = &error as &(dyn StdError + 'static),
                    "a connection to the application ended badly"
                );
            }
        };
        tokio::spawn(logged.in_current_span());
        Ok(sender)
    }
}

/// RFC 9110 §9.2.2.
fn is_idempotent(method: &Method) -> bool {
    method.is_safe() || *method == Method::PUT || *method == Method::DELETE
}

impl<C, B> Shared<C, B> {
    fn take_idle(&self) -> Option<SendRequest<B>> {
        let mut idle = self.idle();
        while let Some(sender) = idle.pop() {
            if !sender.is_closed() {
                return Some(sender);
            }
        }
        None
    }

    fn keep(&self, sender: SendRequest<B>) {
        let mut idle = self.idle();
        idle.retain(|sender| !sender.is_closed());
        idle.push(sender);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<SendRequest<B>>> {
        // Each change is whole.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection in use. However the use ends, the connection is kept once it is ready again, and its permit is
/// held until then.
struct Lease<C: Send + Sync + 'static, B: Send + 'static> {
    shared: Arc<Shared<C, B>>,
    held: Option<(SendRequest<B>, OwnedSemaphorePermit)>,
}

impl<C: Send + Sync + 'static, B: Send + 'static> Lease<C, B> {
    async fn send(&self, request: Request<B>) -> Answer<B> {
        let Some((sender, _)) = &self.held else {
            return Err(Unanswered::unsent(request, Kind::Closed));
        };
        // An error means that the connection's task has ended with the runtime.
        let ended = Unanswered { error: Kind::Incomplete.into(), request: None, unsent: false };
        sender.send(request).await.unwrap_or_else(|_| Err(Box::new(ended)))
    }

    /// Another connection in the place of one that has ended.
    fn renew(&mut self, sender: SendRequest<B>) {
        if let Some((place, _)) = &mut self.held {
            *place = sender;
        }
    }
}

impl<C: Send + Sync + 'static, B: Send + 'static> Drop for Lease<C, B> {
    fn drop(&mut self) {
        let Some((sender, permit)) = self.held.take() else { return };
        let now = sender.poll_open(&Context::from_waker(Waker::noop()));
        let shared = Arc::clone(&self.shared);
        match now {
            Poll::Ready(Ok(())) => shared.keep(sender),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                // Without a runtime there are no connections either.
                let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
                runtime.spawn(async move {
                    if poll_fn(|cx| sender.poll_open(cx)).await.is_ok() {
                        shared.keep(sender);
                    }
                    drop(permit);
                });
            }
        }
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
    type Future = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}

impl<C, B> Clone for Pool<C, B> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), connect_timeout: self.connect_timeout }
    }
}

impl<C, B> fmt::Debug for Pool<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("idle", &self.shared.idle().len()).finish_non_exhaustive()
    }
}
