//! Connections to an application that are kept and shared.

pub(super) mod capacity;

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use fcgi_core::ProtocolStatus;
use http::{Method, Request, Response};
use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Mutex as Turn;
use tokio::sync::oneshot::{Receiver, error::RecvError};
use tokio::time::timeout;
use tower_service::Service;

use self::capacity::{ConnectionPermit, PoolCapacity, ProbeFailure};
use super::config::Config;
use super::connection::Connection;
use super::dispatch::{Envelope, FailedRequest, Question, RequestChannel, ResponseSender};
use super::error::{Error, ErrorKind};
use super::response_body::ResponseBody;
use super::send_request::SendRequest;

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
/// # Which connection
/// The idle one that was used last; else, where connections are [shared](super#multiplexing), the one with the fewest
/// requests that takes another; else a new one, as long as there may be more.
///
/// # Waiting
/// With none to be had, requests wait in the order in which they came: `poll_ready` is always ready. There is no limit
/// in number, and one in time is [`wait_timeout`](Self::with_acquire_timeout); tower's `concurrency_limit` and `load_shed` are others.
///
/// # A request is sent twice
/// only where nothing can come of it twice. In each case nothing of its body may have been taken, for there is no second one, and it
/// is sent once more, no oftener:
///
/// - when a kept connection turns out to be closed before a byte of an answer came, and either not a byte of the request was written,
///   or its method is idempotent (RFC 9110 §9.2.2);
/// - when the application refuses it for the others on a shared connection (CANT_MPX_CONN, OVERLOADED).
///
/// # Cancel safety
/// Dropping a call's future gives the request up, and its place in the queue. Its connection counts until the application
/// has ended the request, or [`Config::abort_timeout`] has passed.
///
/// # Panics
/// Calls panic outside a tokio runtime: each connection is a task.
pub struct Pool<C, B> {
    shared: Arc<Shared<C, B>>,
    connect_timeout: Option<Duration>,
    acquire_timeout: Option<Duration>,
}

struct Shared<C, B> {
    connect: C,
    config: Config,
    room: Arc<PoolCapacity>,
    /// Whose turn it is to have the next place: they come in the order in which they asked for it.
    queue: Turn<()>,
    /// Connections that have not ended, as far as was seen. The last is the one that was used last.
    connections: Mutex<Vec<Arc<PooledConnection<B>>>>,
}

/// A connection. It counts for as long as this is there, which whoever waits for the head of an answer on it keeps as well:
/// so its right to one is theirs if it turns out to be closed.
struct PooledConnection<B> {
    sender: SendRequest<B>,
    slot: ConnectionPermit,
}

/// Where a request is to be sent.
enum Checkout<B> {
    /// A place on it is taken.
    Existing(Arc<PooledConnection<B>>),
    /// On a connection that is to be made.
    Connect(ConnectionPermit),
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
        let room = PoolCapacity::new(connections);
        let shared =
            Shared { connect, config, room, queue: Turn::new(()), connections: Mutex::new(Vec::new()) };
        Self {
            shared: Arc::new(shared),
            connect_timeout: Some(Duration::from_secs(5)),
            acquire_timeout: None,
        }
    }

    /// How long making a connection may take. `None`: without limit. Default: 5 s.
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

    /// How long a request may wait while all connections are in use. Default: without limit.
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
    /// A place for a request, which waits for one in its turn. With `not`, that is no other's than this connection, unless
    /// nothing is under way on it.
    async fn place(&self, not: Option<&RequestChannel<B>>) -> Result<Checkout<B>, ErrorKind> {
        if let Ok(_turn) = self.shared.queue.try_lock()
            && let Some(place) = self.shared.take_place(not)
        {
            return Ok(place);
        }
        let wait = async {
            let _turn = self.shared.queue.lock().await;
            loop {
                if let Some(place) = self.shared.take_place(not) {
                    return place;
                }
                self.shared.room.freed().await;
            }
        };
        match self.acquire_timeout {
            None => Ok(wait.await),
            Some(limit) => timeout(limit, wait).await.map_err(|_| ErrorKind::AcquireTimeout),
        }
    }

    async fn send(self, request: Request<B>) -> Result<Response<ResponseBody>, Error> {
        let method = request.method().clone();
        let place = self.place(None).await?;
        let kept = matches!(place, Checkout::Existing(_));
        let (link, answer) = self.send_to(place, request).await?;
        let FailedRequest { error, request: back, unsent } = match answered(answer.await) {
            Ok(response) => return Ok(response),
            Err(unanswered) => *unanswered,
        };
        let lost = kept && error.is_connection_lost() && (unsent || is_idempotent(&method));
        let Some(request) = back.filter(|_| lost || self.is_retryable_refusal(&error)) else {
            return Err(error);
        };
        tracing::debug!(
            error = &error as &(dyn StdError + 'static),
            "a connection took no request: it is sent again"
        );
        let place =
            if lost { self.another(link).await? } else { self.place(Some(link.sender.mailbox())).await? };
        let (_link, answer) = self.send_to(place, request).await?;
        answered(answer.await).map_err(|unanswered| unanswered.error)
    }

    /// Whether an application has refused a request for those that it shares a connection with. It has done nothing for it
    /// then (FastCGI §5.5).
    fn is_retryable_refusal(&self, error: &Error) -> bool {
        let statuses = [ProtocolStatus::CANT_MPX_CONN, ProtocolStatus::OVERLOADED];
        self.shared.config.requests() > 1
            && error.protocol_status().is_some_and(|status| statuses.contains(&status))
    }

    /// Hands a request to a connection, which is made first if there is to be a new one.
    async fn send_to(
        &self,
        mut place: Checkout<B>,
        request: Request<B>,
    ) -> Result<(Arc<PooledConnection<B>>, Receiver<ResponseSender<B>>), Error> {
        let (mut call, receiver) = Envelope::new(request);
        loop {
            let (link, made) = match place {
                Checkout::Existing(link) => (link, false),
                Checkout::Connect(slot) => (self.connect(slot, Question::No).await?, true),
            };
            let mailbox = link.sender.mailbox();
            let put = if made { mailbox.send(call) } else { mailbox.send_reserved(call) };
            match put {
                Ok(()) => {
                    self.shared.touch(&link);
                    self.ask(&link);
                    return Ok((link, receiver));
                }
                Err(_) if made => return Err(ErrorKind::Closed.into()),
                Err(back) => call = back,
            }
            // It has ended in between.
            place = self.another(link).await?;
        }
    }

    /// A place instead of one on a connection that has ended.
    async fn another(&self, ended: Arc<PooledConnection<B>>) -> Result<Checkout<B>, ErrorKind> {
        self.shared.evict(&ended);
        match Arc::into_inner(ended) {
            Some(link) => Ok(Checkout::Connect(link.slot)),
            // Others have it as well, and the last of them has its right to one.
            None => self.place(None).await,
        }
    }

    /// A connection on which nothing is sent before the application has answered.
    async fn connect_to_ask(self, slot: ConnectionPermit) {
        let reached = Reached { room: &self.shared.room };
        match self.connect(slot, Question::Alone).await {
            Ok(link) => {
                self.shared.touch(&link);
                // From here on its connection says what comes of the question.
                std::mem::forget(reached);
            }
            Err(error) => tracing::debug!(
                error = &error as &(dyn StdError + 'static),
                "there was no connection to ask the application over"
            ),
        }
    }

    async fn connect(
        &self,
        slot: ConnectionPermit,
        question: Question,
    ) -> Result<Arc<PooledConnection<B>>, Error> {
        let connecting = (self.shared.connect)();
        let made = match self.connect_timeout {
            Some(limit) => timeout(limit, connecting).await,
            None => Ok(connecting.await),
        };
        let io = made.map_err(|_| ErrorKind::ConnectTimeout)?.map_err(ErrorKind::from)?;
        let mailbox = RequestChannel::new(Some(Arc::clone(&self.shared.room)), question);
        let connection = Connection::new(io, self.shared.config.clone(), Arc::clone(&mailbox));
        let logged = async {
            if let Err(error) = connection.await {
                tracing::debug!(
                    error = &error as &(dyn StdError + 'static),
                    "a connection to the application ended badly"
                );
            }
        };
        // In no span: the connection outlives the request that it is made for, and serves others.
        tokio::spawn(logged);
        Ok(Arc::new(PooledConnection { sender: SendRequest::new(mailbox), slot }))
    }

    /// Has the application asked whether it takes several requests on a connection, if that is wanted and not known: on one
    /// that no request waits for, since there are applications that never answer; on this one, where no other may be made.
    fn ask(&self, link: &PooledConnection<B>) {
        if self.shared.config.requests() <= 1 || !self.shared.room.begin_to_ask() {
            return;
        }
        match self.shared.room.slot() {
            Some(slot) => {
                tokio::spawn(self.clone().connect_to_ask(slot));
            }
            None if link.sender.mailbox().ask_alone() => {}
            None => self.shared.room.was_not_asked(),
        }
    }
}

fn answered<B>(answer: Result<ResponseSender<B>, RecvError>) -> ResponseSender<B> {
    // An error means that the connection's task has ended with the runtime.
    let ended = || FailedRequest { error: ErrorKind::Incomplete.into(), request: None, unsent: false };
    answer.unwrap_or_else(|_| Err(Box::new(ended())))
}

/// An attempt to reach an application with a question. Dropping it says that it failed, also where `connect` has panicked.
struct Reached<'a> {
    room: &'a PoolCapacity,
}

impl Drop for Reached<'_> {
    fn drop(&mut self) {
        self.room.unheard(ProbeFailure::Unreachable);
    }
}

/// RFC 9110 §9.2.2.
fn is_idempotent(method: &Method) -> bool {
    method.is_safe() || *method == Method::PUT || *method == Method::DELETE
}

impl<C, B> Shared<C, B> {
    /// The place that a request is to have: on an idle connection, else on the one with the fewest others, else on a new one.
    fn take_place(&self, not: Option<&RequestChannel<B>>) -> Option<Checkout<B>> {
        let mut links = self.links();
        links.retain(|link| !link.sender.mailbox().has_ended());
        if self.config.requests() > 1 && self.room.is_multiplexed() {
            for link in links.iter() {
                link.sender.mailbox().ask_beside();
            }
        }
        let mut best: Option<(u16, &Arc<PooledConnection<B>>)> = None;
        for link in links.iter().rev() {
            let mailbox = link.sender.mailbox();
            match mailbox.reserve_if_idle() {
                Some(0) => return Some(Checkout::Existing(Arc::clone(link))),
                Some(load)
                    if best.is_none_or(|(least, _)| load < least)
                        && !not.is_some_and(|not| std::ptr::eq(not, mailbox)) =>
                {
                    best = Some((load, link));
                }
                _ => {}
            }
        }
        match best {
            Some((_, link)) if link.sender.mailbox().reserve() => Some(Checkout::Existing(Arc::clone(link))),
            _ => self.room.slot().map(Checkout::Connect),
        }
    }

    /// Puts a connection where that is which was used last.
    fn touch(&self, link: &Arc<PooledConnection<B>>) {
        let mut links = self.links();
        match links.iter().rposition(|other| Arc::ptr_eq(other, link)) {
            Some(at) if at + 1 == links.len() => {}
            Some(at) => {
                let link = links.remove(at);
                links.push(link);
            }
            None => links.push(Arc::clone(link)),
        }
    }

    /// Lets go of a connection that has ended, and of those that are idle: the application was started anew, or closes what is
    /// idle, and the others are no better.
    fn evict(&self, ended: &Arc<PooledConnection<B>>) {
        let idle = |link: &Arc<PooledConnection<B>>| link.sender.mailbox().is_idle();
        self.links().retain(|link| !Arc::ptr_eq(link, ended) && !idle(link));
    }

    fn links(&self) -> MutexGuard<'_, Vec<Arc<PooledConnection<B>>>> {
        // Each change is whole.
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
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
        Self {
            shared: Arc::clone(&self.shared),
            connect_timeout: self.connect_timeout,
            acquire_timeout: self.acquire_timeout,
        }
    }
}

impl<C, B> fmt::Debug for Pool<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("connections", &self.shared.links().len()).finish_non_exhaustive()
    }
}
