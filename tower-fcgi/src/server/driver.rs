//! One connection from a web server, as a future.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::Span;

use super::builder::Builder;
use super::config;
use super::error::{Error, ErrorKind};
use super::handle::{Activity, Command, ConnectionHandle};
use super::in_flight::InFlightRequest;
use super::oneshot::Oneshot;
use super::reader::ReadOutcome;
use super::response_driver::ResponseDriver;
use super::service::FcgiService;
use super::shutdown::{Discarding, Phase};
use super::tasks::RequestTasks;
use super::timer_table::TimerTable;

pin_project! {
    /// Serves one connection from a web server: a future that ends with it.
    ///
    /// One request at a time, which is what most web servers send on a connection, runs in this future
    /// itself, with no task and no channel. One that begins while another runs gets a task of its own
    /// ([`tokio::spawn`]), so that requests which share a connection run in parallel.
    ///
    /// Each request has a clone of the service, and waits until that is ready: see [`FcgiService`]. While requests
    /// wait, others are served, input is held back once unread bodies reach the [limits](crate::Limits), and ABORT
    /// is seen.
    ///
    /// # Output
    /// `Ok` when the connection ended in good order: after a request without KEEP_CONN, or by the web server
    /// between requests, or by [`graceful_shutdown`](Self::graceful_shutdown). Any other end is an [`Error`]
    /// that says what happened; by then all that could be done about it is done, so it is for the log.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection and drops the handlers of its requests.
    ///
    /// # Panics
    /// Polling it outside a tokio runtime panics as soon as it needs a timer or a task.
    pub struct Connection<IO, S>
    where
        S: FcgiService,
    {
        #[pin]
        pub(super) inline: ResponseDriver<Oneshot<S>, S::ResponseBody>,
        pub(super) driver: Driver<IO, S>,
    }
}

/// All of a connection but the exchange that runs in its future.
pub(super) struct Driver<IO, S> {
    pub(super) io: IO,
    /// Never polled nor called: each request has a clone.
    pub(super) service: S,
    /// The only table of requests.
    pub(super) protocol: fcgi_core::server::Connection,
    pub(super) settings: Arc<config::DriverConfig>,
    /// What belongs to the exchange that runs inline; `Some` as long as that runs.
    pub(super) running: Option<InFlightRequest>,
    /// Exchanges that run in tasks; made when the first one does.
    pub(super) spawned: Option<Box<RequestTasks>>,
    pub(super) phase: Phase,
    /// The web server has shut its side down.
    pub(super) input_ended: bool,
    /// The transport may hold back what was written.
    pub(super) unflushed: bool,
    /// Bytes written since the connection began; tells progress from none.
    pub(super) written: u64,
    /// Bytes of output that waited when the transport last took no more.
    pub(super) blocked_at: usize,
    /// Requests whose head has come since the connection began; after 4 294 967 295 it begins again with one.
    pub(super) begun: u32,
    pub(super) deadline: TimerTable,
    /// Makes the close that follows a cut-off answer one that the peer notices.
    pub(super) on_incomplete_response: fn(&IO),
    pub(super) activity: Activity,
    pub(super) discarding: Option<Box<Discarding>>,
    /// Whether the exchanges in tasks have their turn before the one that runs inline.
    pub(super) spawned_first: bool,
    /// A task was begun in this turn.
    pub(super) spawned_now: bool,
    /// Whether the runtime has one thread alone; `None` before that matters.
    pub(super) alone: Option<bool>,
    pub(super) handle: ConnectionHandle,
    /// The waker that `handle` has.
    pub(super) registered: Option<Waker>,
    pub(super) span: Span,
}

/// What a turn of the driver came to.
pub(super) enum Progress {
    /// There is more to be done at once.
    Made,
    /// Everything that can go on has its waker.
    Blocked,
    /// The connection has ended.
    Finished,
}

/// Turns of one poll. A connection that always has more to do lets other tasks run after so many.
const MAX_POLL_ITERATIONS: usize = 32;

impl<IO, S> Connection<IO, S>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    S: FcgiService,
{
    /// A connection with the default [`Config`](crate::Config).
    pub fn new(io: IO, service: S) -> Self {
        Builder::new().serve_connection(io, service)
    }

    /// What is done to the transport before it is closed because an answer could not be completed. The close
    /// must be such that the web server notices: with TCP, set the socket to linger for zero seconds, so that
    /// the close is a reset.
    ///
    /// nginx takes a partial answer for whole if the connection ends in good order.
    #[must_use]
    pub fn on_incomplete_response(mut self, reset: fn(&IO)) -> Self {
        self.driver.on_incomplete_response = reset;
        self
    }

    /// Names the peer in this connection's span.
    #[must_use]
    pub fn peer(self, peer: &dyn fmt::Debug) -> Self {
        self.driver.span.record("peer", tracing::field::debug(peer));
        self
    }

    /// A handle to end the connection from elsewhere.
    pub fn handle(&self) -> ConnectionHandle {
        self.driver.handle.clone()
    }

    /// Ends the connection as soon as no request is under way on it; one whose PARAMS are still coming
    /// counts, and a new connection has a second for its first request to come. The future is still to be polled to
    /// its end.
    pub fn graceful_shutdown(self: Pin<&mut Self>) {
        self.project().driver.handle.graceful_shutdown();
    }
}

impl<IO, S> Future for Connection<IO, S>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    S: FcgiService,
{
    type Output = Result<(), Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let span = this.driver.span.clone();
        let _entered = span.enter();
        let result = this.driver.poll(this.inline, cx);
        if let Poll::Ready(result) = &result {
            match result {
                Ok(()) => tracing::trace!("the connection has ended"),
                Err(error) => tracing::debug!(
                    error = error as &(dyn std::error::Error + 'static),
                    "the connection ended badly"
                ),
            }
        }
        result
    }
}

impl<IO, S> Driver<IO, S>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    S: FcgiService,
{
    fn poll(
        &mut self,
        mut inline: Pin<&mut ResponseDriver<Oneshot<S>, S::ResponseBody>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        self.watch(cx);
        for _ in 0..MAX_POLL_ITERATIONS {
            let turn = match self.phase {
                _ if self.handle.command() == Command::Abort => Err(ErrorKind::Aborted.into()),
                Phase::Serving => self.serve(inline.as_mut(), cx),
                Phase::Closing(closing) => self.close(closing, cx),
            };
            let again = match turn {
                Ok(Progress::Finished) => return Poll::Ready(Ok(())),
                Ok(Progress::Made) => true,
                Ok(Progress::Blocked) => false,
                Err(error) => {
                    self.cancel_all(inline, crate::body::BodyErrorKind::Disconnected);
                    return Poll::Ready(Err(error));
                }
            };
            if !again {
                match self.poll_deadline(inline.as_mut(), cx) {
                    Ok(Poll::Pending) => {
                        if self.handle.command() == Command::CloseIfIdle && self.activity == Activity::Busy {
                            self.handle.stay_open();
                        }
                        return Poll::Pending;
                    }
                    Ok(Poll::Ready(())) => {}
                    Err(error) => {
                        self.cancel_all(inline, crate::body::BodyErrorKind::Disconnected);
                        return Poll::Ready(Err(error));
                    }
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// One turn, in the one order: write, read, deliver, the inline exchange, the spawned ones, lines for
    /// STDERR.
    fn serve(
        &mut self,
        mut inline: Pin<&mut ResponseDriver<Oneshot<S>, S::ResponseBody>>,
        cx: &mut Context<'_>,
    ) -> Result<Progress, Error> {
        let was_full = self.is_full();
        let _ = self.poll_write(cx)?;
        let has_room = was_full && !self.is_full();
        let (read, broken) = match self.poll_read(cx) {
            Ok(read) => (read, None),
            // What came whole before it is answered as far as that can be done at once, however the bytes
            // were cut.
            Err(error) if error.is_protocol_error() => (ReadOutcome::Eof, Some(error)),
            Err(error) => return Err(error),
        };
        if self.deliver_and_go_on(inline.as_mut(), cx) {
            // A worker of the runtime keeps the task that it was last given to itself until this poll is
            // over: a handler that runs inline and blocks would hold up that one.
            cx.waker().wake_by_ref();
            return broken.map_or(Ok(Progress::Blocked), Err);
        }
        // Behind all that can write any, and before the connection's end is thought of.
        self.handle.stderr().flush_to(&mut self.protocol, self.settings.max_write_buffer);
        if let Some(error) = broken {
            let _ = self.poll_write(cx)?;
            return Err(error);
        }
        self.turn_idle();

        if self.is_to_finish(read) {
            self.protocol.stop_accepting();
        }
        if let Some(close) = self.protocol.close_action() {
            self.begin_close(close);
            return Ok(Progress::Made);
        }
        if self.input_ended && self.protocol.active_requests() == 0 {
            self.begin_close(fcgi_core::server::CloseAction::Close);
            return Ok(Progress::Made);
        }
        // What was put out in this turn has not met the transport yet; what was left of the last has, and
        // waits.
        let unwritten = self.has_new_output();
        Ok(if read == ReadOutcome::Data || has_room || unwritten {
            Progress::Made
        } else {
            Progress::Blocked
        })
    }

    /// Delivers what was read, and goes on with the exchanges. `true`: a task was begun, and the exchanges have
    /// not had their turn.
    fn deliver_and_go_on(
        &mut self,
        mut inline: Pin<&mut ResponseDriver<Oneshot<S>, S::ResponseBody>>,
        cx: &mut Context<'_>,
    ) -> bool {
        self.take_events(inline.as_mut(), cx);
        if std::mem::take(&mut self.spawned_now) {
            return true;
        }
        // Each comes first in its turn, or an answer that is always ready would leave no room for the others.
        let room = !self.is_full();
        if self.spawned_first {
            self.poll_spawned(cx);
        }
        self.poll_inline(inline.as_mut(), cx);
        if !self.spawned_first {
            self.poll_spawned(cx);
        }
        self.spawned_first ^= room;
        false
    }

    /// Whether as much output waits for the transport as should.
    pub(super) fn is_full(&self) -> bool {
        self.protocol.output_len() >= self.settings.max_write_buffer
    }

    /// Whether the connection was told to finish and nothing is under way. `read`: what this turn's read came
    /// to: bytes that the web server has already sent may be a request.
    fn is_to_finish(&self, read: ReadOutcome) -> bool {
        if read == ReadOutcome::Data {
            return false;
        }
        match self.handle.command() {
            Command::Run => return false,
            Command::CloseIfIdle => return self.activity != Activity::Busy,
            Command::Shutdown | Command::Abort => {}
        }
        !self.is_new()
            && self.protocol.active_requests() == 0
            && self.protocol.end_of_input() == fcgi_core::server::EndOfInput::Clean
    }

    /// Whether the web server has not said yet what it has connected for.
    pub(super) fn is_new(&self) -> bool {
        self.begun == 0
            && !self.input_ended
            && self.protocol.end_of_input() == fcgi_core::server::EndOfInput::Clean
    }

    /// Sees to it that the handle can wake whoever polls this connection.
    fn watch(&mut self, cx: &Context<'_>) {
        if !self.registered.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.handle.register(cx.waker());
            self.registered = Some(cx.waker().clone());
        }
    }
}

impl<IO, S> Drop for Driver<IO, S> {
    fn drop(&mut self) {
        self.handle.stderr().close();
        self.handle.clear_waker();
    }
}

impl<IO, S> fmt::Debug for Connection<IO, S>
where
    S: FcgiService,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("live", &self.driver.protocol.active_requests())
            .field("phase", &self.driver.phase)
            .finish_non_exhaustive()
    }
}
