//! Sends a request over a connection of the pool.

use std::error::Error as StdError;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::header::CONTENT_LENGTH;
use http::{Method, Request, Response};
use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot::{Receiver, error::RecvError};
use tokio::time::timeout;

use super::capacity::{Checkout, ConnectionPermit};
use super::connections::PooledConnection;
use super::connector::Patience;
use super::finish_on_drop::{FinishOnDrop, WhenDropped};
use super::head_watch::HeadWatch;
use super::{Pool, PoolState};
use crate::client::config::Config;
use crate::client::connection::Connection;
use crate::client::dispatch::{Envelope, FailedRequest, Observer as _, RequestChannel, ResponseResult};
use crate::client::error::{Error, ErrorCause};
use crate::client::probe::Probe;
use crate::client::response_body::ResponseBody;
use crate::client::send_request::SendRequest;
use crate::stats::PoolRecorder;

/// How long a request may wait over a new connection before others are closed to free a worker for it.
const STARVED_AFTER: Duration = Duration::from_millis(100);

impl<C, F, IO, B> Pool<C, B>
where
    C: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = io::Result<IO>> + Send + 'static,
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    pub(super) async fn send(self, request: Request<B>) -> Result<Response<ResponseBody>, Error> {
        self.try_send(request, Patience::Wait, HeadWatch::none()).await.map_err(|failed| failed.error)
    }

    /// Sends a request. A failure returns the request if its body was not polled and no byte of a response was received.
    pub(in crate::client) async fn try_send(
        &self,
        request: Request<B>,
        patience: Patience,
        watch: HeadWatch<'_>,
    ) -> ResponseResult<B> {
        let recorder = &self.shared.recorder;
        recorder.on_request();
        let is_idempotent = is_idempotent(request.method());
        let reuse = Reuse::of(&request, &self.shared.config);
        let checkout = match self.checkout(None, reuse).await {
            Ok(checkout) => checkout,
            Err(kind) => return Err(unsent(kind.into(), request)),
        };
        let Sent { connection, usage, response } = self.send_over(checkout, request, patience).await?;
        let mut failed = match self.response(response, usage, watch).await {
            Ok(response) => return Ok(response),
            Err(failed) => failed,
        };
        let lost =
            usage == Usage::Reused && failed.error.is_connection_lost() && (failed.unsent || is_idempotent);
        // Without multiplexing it was alone on its connection, so another one makes no difference.
        let rejected = self.shared.config.max_in_flight() > 1 && failed.error.is_rejected_for_capacity();
        let Some(request) = failed.request.take_if(|_| lost || rejected) else { return Err(failed) };
        recorder.on_retry();
        tracing::debug!(
            error = &failed.error as &(dyn StdError + 'static),
            "a connection did not take a request: retrying over another one"
        );
        let checkout = if lost {
            self.replace(connection).await
        } else {
            // Of the connection only its channel stays: if it ends, its permit is free for the one that we wait for.
            let channel = connection.share_channel();
            drop(connection);
            self.checkout(Some(&channel), reuse).await
        };
        let checkout = match checkout {
            Ok(checkout) => checkout,
            Err(kind) => return Err(unsent(kind.into(), request)),
        };
        let Sent { connection: _connection, usage, response } =
            self.send_over(checkout, request, patience).await?;
        self.response(response, usage, watch).await
    }

    /// Waits for a response.
    ///
    /// A connection that is new may wait for a worker that a kept connection occupies. So if there is no response in time, no
    /// connection is kept until there is one.
    async fn response(
        &self,
        mut response: Receiver<ResponseResult<B>>,
        usage: Usage,
        watch: HeadWatch<'_>,
    ) -> ResponseResult<B> {
        let PoolState { config, application, connections, recorder, .. } = &*self.shared;
        if usage == Usage::Reused || !config.keep_conn || !config.ready_check {
            return received(watch.wait(response).await, recorder);
        }
        if let Ok(response) = timeout(STARVED_AFTER, &mut response).await {
            return received(response, recorder);
        }
        let _starved = application.starve();
        connections.close_idle();
        received(watch.wait(response).await, recorder)
    }

    /// Waits in order for a connection. Uses that of `except` only if it is idle.
    async fn checkout(
        &self,
        except: Option<&RequestChannel<B>>,
        reuse: Reuse,
    ) -> Result<Checkout<Arc<PooledConnection<B>>>, ErrorCause> {
        let checkout = match self.checkout_any(except).await? {
            Checkout::Existing(connection) if !self.allows(reuse) => {
                match self.shared.connections.retire(&connection) {
                    Some(permit) => Checkout::Connect(permit),
                    None => Checkout::Existing(connection),
                }
            }
            checkout => checkout,
        };
        if let Checkout::Connect(_) = &checkout {
            self.shared.recorder.on_permit(self.shared.capacity.in_use());
        }
        Ok(checkout)
    }

    fn allows(&self, reuse: Reuse) -> bool {
        match reuse {
            Reuse::Allowed => true,
            Reuse::IfMultiplexed => self.shared.application.multiplexes(),
        }
    }

    /// As [`checkout`](Self::checkout), for a request that may take a kept connection.
    async fn checkout_any(
        &self,
        except: Option<&RequestChannel<B>>,
    ) -> Result<Checkout<Arc<PooledConnection<B>>>, ErrorCause> {
        let PoolState { config, capacity, application, connections, acquire_timeout, .. } = &*self.shared;
        self.shared.recorder.on_idle(connections.unused().0);
        let reserve = || connections.reserve(except, config.max_in_flight() > 1 && application.multiplexes());
        if let Some(checkout) = capacity.try_checkout(reserve) {
            return Ok(checkout);
        }
        let checkout = async {
            let mut checkout = pin!(capacity.checkout(reserve));
            if let Poll::Ready(checkout) = poll_fn(|cx| Poll::Ready(checkout.as_mut().poll(cx))).await {
                // Another request has looked for a connection at this moment: that was no wait.
                return checkout;
            }
            let _waiting = self.shared.recorder.wait();
            checkout.await
        };
        match *acquire_timeout {
            None => Ok(checkout.await),
            Some(limit) => timeout(limit, checkout).await.map_err(|_| ErrorCause::AcquireTimeout),
        }
    }

    /// Sends a request over the checked out connection, or a new one.
    async fn send_over(
        &self,
        mut checkout: Checkout<Arc<PooledConnection<B>>>,
        request: Request<B>,
        patience: Patience,
    ) -> Result<Sent<B>, Box<FailedRequest<B>>> {
        let when_dropped = when_dropped(&request);
        let (mut envelope, response) = Envelope::new(request);
        loop {
            let connection = match checkout {
                Checkout::Connect(permit) => {
                    // The caller may leave meanwhile.
                    let connecting = self.clone().connect_and_send(permit, patience, envelope);
                    let connection = FinishOnDrop::new(connecting, when_dropped).await?;
                    return Ok(Sent { connection, usage: Usage::New, response });
                }
                Checkout::Existing(connection) => connection,
            };
            match connection.channel().send_reserved(envelope) {
                Ok(()) => {
                    self.on_sent(&connection);
                    return Ok(Sent { connection, usage: Usage::Reused, response });
                }
                Err(returned) => envelope = returned,
            }
            // The connection has ended since the checkout.
            checkout = match self.replace(connection).await {
                Ok(checkout) => checkout,
                Err(kind) => return Err(unsent(kind.into(), envelope.request)),
            };
        }
    }

    /// Sends a request over a new connection.
    async fn connect_and_send(
        self,
        permit: ConnectionPermit,
        patience: Patience,
        envelope: Box<Envelope<B>>,
    ) -> Result<Arc<PooledConnection<B>>, Box<FailedRequest<B>>> {
        let connection = match self.connect(permit, Probe::NotNeeded, patience).await {
            Ok(connection) => connection,
            Err(error) => return Err(unsent(error, envelope.request)),
        };
        match connection.channel().send(envelope) {
            Ok(()) => {
                self.on_sent(&connection);
                Ok(connection)
            }
            Err(returned) => Err(unsent(ErrorCause::Closed.into(), returned.request)),
        }
    }

    fn on_sent(&self, connection: &Arc<PooledConnection<B>>) {
        if self.shared.config.keep_conn {
            self.keep(connection);
            self.probe(connection);
        }
    }

    /// Lists a connection as the most recently used one.
    pub(super) fn keep(&self, connection: &Arc<PooledConnection<B>>) {
        self.shared.connections.touch(connection);
        if connection.channel().has_ended() {
            // Its end was reported before it was in the list, where the next checkout finds its permit.
            self.shared.application.on_capacity();
        }
    }

    /// Checks out a connection in place of one that takes no more requests: a new one if possible, since others that are kept
    /// may have been closed for the same reason.
    async fn replace(
        &self,
        ended: Arc<PooledConnection<B>>,
    ) -> Result<Checkout<Arc<PooledConnection<B>>>, ErrorCause> {
        self.shared.connections.evict(&ended);
        // If it still sends the response of another request, it stays in the list, with its permit, until that is complete.
        let permit = if ended.channel().has_ended() { ended.take_permit() } else { None };
        drop(ended);
        match permit {
            Some(permit) => Ok(Checkout::Connect(permit)),
            None => self.checkout(None, Reuse::IfMultiplexed).await,
        }
    }

    /// Makes a connection, which a task of its own drives.
    pub(super) async fn connect(
        &self,
        permit: ConnectionPermit,
        probe: Probe,
        patience: Patience,
    ) -> Result<Arc<PooledConnection<B>>, Error> {
        let connected = self.shared.connector.connect(patience).await;
        self.shared.recorder.on_connect(&connected);
        let io = connected?;
        let channel = RequestChannel::new(Some(Arc::clone(&self.shared.application) as _), probe);
        // In a box, because it is large to move: into the task, and there into its place.
        let connection = Box::new(Connection::new(io, self.shared.config.clone(), Arc::clone(&channel)));
        let (permit, unkept) =
            if self.shared.config.keep_conn { (Some(permit), None) } else { (None, Some(permit)) };
        // Not in the current span: the connection outlives the request that opened it.
        tokio::spawn(async {
            let _permit = unkept;
            if let Err(error) = connection.await {
                tracing::debug!(
                    error = &error as &(dyn StdError + 'static),
                    "a connection to the application failed"
                );
            }
        });
        Ok(Arc::new(PooledConnection::new(SendRequest::new(channel), permit)))
    }
}

/// A request that a connection has taken.
struct Sent<B> {
    connection: Arc<PooledConnection<B>>,
    usage: Usage,
    response: Receiver<ResponseResult<B>>,
}

/// Whether a connection had a request before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Usage {
    New,
    Reused,
}

/// A request that no connection has taken.
fn unsent<B>(error: Error, request: Request<B>) -> Box<FailedRequest<B>> {
    Box::new(FailedRequest { error, request: Some(request), unsent: true })
}

/// Whether a request may be sent over a connection that had others before.
///
/// An application that ends, such as a worker of php-fpm at a reload, closes a kept connection at any moment between two
/// requests, also just after it has replied that it is free. A request that it leaves unread then is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reuse {
    /// If the connection is lost, the request is sent again.
    Allowed,
    /// It could not be sent again. An application that multiplexes reads its connections at any time.
    IfMultiplexed,
}

impl Reuse {
    fn of<B: Body>(request: &Request<B>, config: &Config) -> Self {
        let can_be_repeated = is_idempotent(request.method()) && request.body().is_end_stream();
        if can_be_repeated || !config.ready_check { Self::Allowed } else { Self::IfMultiplexed }
    }
}

/// A request that has a worker runs although its caller leaves, unless its body may have no end. If the body turns out not to be
/// in hand, its connection aborts it.
fn when_dropped<B: Body>(request: &Request<B>) -> WhenDropped {
    let body = request.body();
    let is_bounded = body.is_end_stream()
        || body.size_hint().exact().is_some()
        || request.headers().contains_key(CONTENT_LENGTH);
    if is_bounded { WhenDropped::Finish } else { WhenDropped::Cancel }
}

fn received<B>(response: Result<ResponseResult<B>, RecvError>, recorder: &PoolRecorder) -> ResponseResult<B> {
    // The sender was dropped: the connection's task has ended with its runtime.
    let lost = || FailedRequest { error: ErrorCause::Incomplete.into(), request: None, unsent: false };
    let response = response.unwrap_or_else(|_| Err(Box::new(lost())));
    if response.as_ref().is_err_and(|failed| failed.error.is_rejected_for_capacity()) {
        recorder.on_refused();
    }
    response
}

/// Whether a method is idempotent (RFC 9110 §9.2.2).
pub(in crate::client) fn is_idempotent(method: &Method) -> bool {
    method.is_safe() || *method == Method::PUT || *method == Method::DELETE
}
