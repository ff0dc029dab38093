//! A pool of connections to one application.

mod application;
mod capacity;
mod connections;
mod multiplexing;

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use fcgi_core::ProtocolStatus;
use http::{Method, Request, Response};
use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::sync::oneshot::{Receiver, error::RecvError};
use tokio::time::timeout;
use tower_service::Service;

use self::application::Application;
use self::capacity::{Checkout, ConnectionPermit, PoolCapacity};
use self::connections::{PooledConnection, PooledConnections};
use super::config::Config;
use super::connection::Connection;
use super::dispatch::{Envelope, FailedRequest, Observer as _, RequestChannel, ResponseResult};
use super::error::{Error, ErrorKind};
use super::probe::{Probe, ProbeOutcome};
use super::response_body::ResponseBody;
use super::send_request::SendRequest;

/// A tower service that sends requests to one application over a pool of connections.
///
/// It connects when needed, keeps connections for later requests, and limits their number. Clones share the connections.
///
/// `connect` makes the transport, which can be anything that reads and writes:
///
/// ```
/// use tokio::net::{TcpStream, UnixStream};
/// use tower_fcgi::client::{Config, Pool};
/// # type Body = http_body_util::Empty<bytes::Bytes>;
/// let tcp: Pool<_, Body> = Pool::new(32, Config::default(), || TcpStream::connect("127.0.0.1:9000"));
/// let unix: Pool<_, Body> = Pool::new(32, Config::default(), || UnixStream::connect("/run/app.sock"));
/// ```
///
/// # Which connection
/// A request is sent over the most recently used idle connection. If none is idle, with
/// [multiplexing](super#multiplexing), over the one with the fewest requests that takes another. Otherwise over a new one,
/// up to the limit.
///
/// # Waiting
/// If no connection is free, requests wait in order; `poll_ready` is always ready.
/// [`with_acquire_timeout`](Self::with_acquire_timeout) limits the wait. The number of waiting requests is not limited: use
/// tower's `concurrency_limit` or `load_shed` for that.
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
/// Dropping a call's future aborts the request or removes it from the queue. Its connection counts towards the limit until
/// the application has ended the request, or [`Config::abort_timeout`] has passed.
///
/// # Panics
/// The future of a call panics outside a tokio runtime, because each connection is a task.
pub struct Pool<C, B> {
    shared: Arc<PoolState<C, B>>,
    connect_timeout: Option<Duration>,
    acquire_timeout: Option<Duration>,
}

struct PoolState<C, B> {
    connect: C,
    config: Config,
    capacity: PoolCapacity,
    application: Arc<Application>,
    connections: PooledConnections<B>,
}

impl<C, F, IO, B> Pool<C, B>
where
    C: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = io::Result<IO>>,
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    /// A pool of at most `connections` connections (at least 1), whose transports `connect` makes.
    ///
    /// An application serves as many connections at once as it has processes or threads: for PHP, `pm.max_children`.
    /// Further connections wait unnoticed in its backlog.
    pub fn new(connections: usize, config: Config, connect: C) -> Self {
        let room = Arc::<Notify>::default();
        let capacity = PoolCapacity::new(connections, Arc::clone(&room));
        let application = Arc::new(Application::new(room));
        Self {
            shared: Arc::new(PoolState {
                connect,
                config,
                capacity,
                application,
                connections: PooledConnections::new(),
            }),
            connect_timeout: Some(Duration::from_secs(5)),
            acquire_timeout: None,
        }
    }

    /// Sets how long connecting may take. Default: 5 s.
    #[must_use]
    pub fn with_connect_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.connect_timeout = limit.into();
        self
    }

    /// The timeout that [`with_connect_timeout`](Self::with_connect_timeout) sets.
    #[must_use]
    pub const fn connect_timeout(&self) -> Option<Duration> {
        self.connect_timeout
    }

    /// Sets how long a request may wait while all connections are in use. Default: no limit.
    #[must_use]
    pub fn with_acquire_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.acquire_timeout = limit.into();
        self
    }

    /// The timeout that [`with_acquire_timeout`](Self::with_acquire_timeout) sets.
    #[must_use]
    pub const fn acquire_timeout(&self) -> Option<Duration> {
        self.acquire_timeout
    }
}

impl<C, F, IO, B> Pool<C, B>
where
    C: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = io::Result<IO>> + Send + 'static,
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    async fn send(self, request: Request<B>) -> Result<Response<ResponseBody>, Error> {
        let method = request.method().clone();
        let checkout = self.checkout(None).await?;
        let reused = matches!(checkout, Checkout::Existing(_));
        let (connection, response) = self.send_over(checkout, request).await?;
        let FailedRequest { error, request, unsent } = match received(response.await) {
            Ok(response) => return Ok(response),
            Err(failed) => *failed,
        };
        let lost = reused && error.is_connection_lost() && (unsent || is_idempotent(&method));
        let Some(request) = request.filter(|_| lost || self.is_retryable_rejection(&error)) else {
            return Err(error);
        };
        tracing::debug!(
            error = &error as &(dyn StdError + 'static),
            "a connection did not take a request: retrying over another one"
        );
        let checkout = if lost {
            self.replace(connection).await?
        } else {
            // Of the connection only its channel stays: if it ends, its permit is free for the one that we wait for.
            let channel = connection.share_channel();
            drop(connection);
            self.checkout(Some(&channel)).await?
        };
        let (_connection, response) = self.send_over(checkout, request).await?;
        received(response.await).map_err(|failed| failed.error)
    }

    /// Waits in order for a connection. Uses that of `except` only if it is idle.
    async fn checkout(
        &self,
        except: Option<&RequestChannel<B>>,
    ) -> Result<Checkout<Arc<PooledConnection<B>>>, ErrorKind> {
        let PoolState { config, capacity, application, connections, .. } = &*self.shared;
        let reserve = || connections.reserve(except, config.max_in_flight() > 1 && application.multiplexes());
        if let Some(checkout) = capacity.try_checkout(reserve) {
            return Ok(checkout);
        }
        let checkout = capacity.checkout(reserve);
        match self.acquire_timeout {
            None => Ok(checkout.await),
            Some(limit) => timeout(limit, checkout).await.map_err(|_| ErrorKind::AcquireTimeout),
        }
    }

    /// Sends a request over the checked out connection, or a new one.
    async fn send_over(
        &self,
        mut checkout: Checkout<Arc<PooledConnection<B>>>,
        request: Request<B>,
    ) -> Result<(Arc<PooledConnection<B>>, Receiver<ResponseResult<B>>), Error> {
        let (mut envelope, receiver) = Envelope::new(request);
        loop {
            let (connection, new) = match checkout {
                Checkout::Existing(connection) => (connection, false),
                Checkout::Connect(permit) => (self.connect(permit, Probe::NotNeeded).await?, true),
            };
            let channel = connection.channel();
            let sent = if new { channel.send(envelope) } else { channel.send_reserved(envelope) };
            match sent {
                Ok(()) => {
                    self.keep(&connection);
                    self.probe(&connection);
                    return Ok((connection, receiver));
                }
                Err(_) if new => return Err(ErrorKind::Closed.into()),
                Err(returned) => envelope = returned,
            }
            // The connection has ended since the checkout.
            checkout = self.replace(connection).await?;
        }
    }

    /// Lists a connection as the most recently used one.
    fn keep(&self, connection: &Arc<PooledConnection<B>>) {
        self.shared.connections.touch(connection);
        if connection.channel().has_ended() {
            // Its end was reported before it was in the list, where the next checkout finds its permit.
            self.shared.application.on_capacity();
        }
    }

    /// Checks out a connection in place of one that has ended, with its permit if no other request holds it.
    async fn replace(
        &self,
        ended: Arc<PooledConnection<B>>,
    ) -> Result<Checkout<Arc<PooledConnection<B>>>, ErrorKind> {
        self.shared.connections.evict(&ended);
        match Arc::into_inner(ended) {
            Some(connection) => Ok(Checkout::Connect(connection.permit)),
            // The last request that holds it gets the permit.
            None => self.checkout(None).await,
        }
    }

    async fn connect(
        &self,
        permit: ConnectionPermit,
        probe: Probe,
    ) -> Result<Arc<PooledConnection<B>>, Error> {
        let connecting = (self.shared.connect)();
        let connected = match self.connect_timeout {
            Some(limit) => timeout(limit, connecting).await,
            None => Ok(connecting.await),
        };
        let io = connected.map_err(|_| ErrorKind::ConnectTimeout)?.map_err(ErrorKind::from)?;
        let channel = RequestChannel::new(Some(Arc::clone(&self.shared.application) as _), probe);
        let connection = Connection::new(io, self.shared.config.clone(), Arc::clone(&channel));
        // Not in the current span: the connection outlives the request that opened it.
        tokio::spawn(async {
            if let Err(error) = connection.await {
                tracing::debug!(
                    error = &error as &(dyn StdError + 'static),
                    "a connection to the application failed"
                );
            }
        });
        Ok(Arc::new(PooledConnection::new(SendRequest::new(channel), permit)))
    }

    /// Probes the application if a probe is due: over a new connection if a permit is free, because some applications
    /// never reply and requests would wait behind the probe; else over this one.
    fn probe(&self, connection: &PooledConnection<B>) {
        let application = &self.shared.application;
        if self.shared.config.max_in_flight() <= 1 || !application.begin_probe() {
            return;
        }
        match self.shared.capacity.try_acquire() {
            Some(permit) => {
                tokio::spawn(self.clone().connect_and_probe(permit));
            }
            None if connection.channel().want_exclusive_probe() => {}
            None => application.on_probe(ProbeOutcome::NotSent),
        }
    }

    /// Opens a connection that is probed before it takes requests.
    async fn connect_and_probe(self, permit: ConnectionPermit) {
        let unreachable = ReportUnreachable { application: &self.shared.application };
        match self.connect(permit, Probe::Wanted { exclusive: true }).await {
            Ok(connection) => {
                self.keep(&connection);
                // From now on the connection reports the outcome.
                std::mem::forget(unreachable);
            }
            Err(error) => tracing::debug!(
                error = &error as &(dyn StdError + 'static),
                "connecting to probe the application failed"
            ),
        }
    }

    /// Whether the application rejected a request because of others on its connection (FastCGI §5.5). It has not run the
    /// request then.
    fn is_retryable_rejection(&self, error: &Error) -> bool {
        let statuses = [ProtocolStatus::CANT_MPX_CONN, ProtocolStatus::OVERLOADED];
        self.shared.config.max_in_flight() > 1
            && error.protocol_status().is_some_and(|status| statuses.contains(&status))
    }
}

fn received<B>(response: Result<ResponseResult<B>, RecvError>) -> ResponseResult<B> {
    // The sender was dropped: the connection's task has ended with its runtime.
    let lost = || FailedRequest { error: ErrorKind::Incomplete.into(), request: None, unsent: false };
    response.unwrap_or_else(|_| Err(Box::new(lost())))
}

/// Reports on drop that the application was unreachable, also if `connect` panics.
struct ReportUnreachable<'a> {
    application: &'a Application,
}

impl Drop for ReportUnreachable<'_> {
    fn drop(&mut self) {
        self.application.on_probe(ProbeOutcome::Unreachable);
    }
}

/// Whether a method is idempotent (RFC 9110 §9.2.2).
fn is_idempotent(method: &Method) -> bool {
    method.is_safe() || *method == Method::PUT || *method == Method::DELETE
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
        Self {
            shared: Arc::clone(&self.shared),
            connect_timeout: self.connect_timeout,
            acquire_timeout: self.acquire_timeout,
        }
    }
}

impl<C, B> fmt::Debug for Pool<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("connections", &self.shared.connections.len()).finish_non_exhaustive()
    }
}
