//! Drives one connection: the order of its steps, and what follows from each.
//!
//! The driver is composed of machines that do not know each other:
//!
//! | machine | what it decides |
//! | --- | --- |
//! | [`State`] | where the connection is between its accept and its close |
//! | [`Transport`] | reads and writes; how far the output has got |
//! | [`Dispatcher`] | checks requests and calls the service |
//! | [`InFlight`] | runs responses, inline and in tasks; fails and cancels them |
//! | [`TimerTable`] | what has expired |
//! | [`DiscardedBytes`] | whether too much input was discarded |
//! | [`Control`] | commands from outside, and the activity that is published there |
//!
//! `protocol` is the only table of requests, and does no I/O. A poll takes turns until one makes no progress. A turn of
//! an open connection has one order: write, read, handle events, poll the responses, flush lines for STDERR, decide on
//! the close.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use fcgi_core::RequestKey;
use fcgi_core::server::{CloseAction, Connection as Protocol, EndOfInput, Event, RejectReason};
use http::StatusCode;
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite};

use super::activity::Activity;
use super::config::{Config, DriverConfig};
use super::control::Control;
use super::dispatch::{Dispatched, Dispatcher};
use super::error::{Error, ErrorKind, TimeoutKind};
use super::error_log::DeferredLog;
use super::failure::Failure;
use super::handle::{Command, ConnectionHandle};
use super::in_flight::{InFlight, Placement};
use super::input_streams::InputStreams;
use super::oneshot::Oneshot;
use super::progress::Progress;
use super::reader::ReadOutcome;
use super::response_driver::{ResponseProgress, complete};
use super::response_writer::DirectWriter;
use super::service::FcgiService;
use super::shutdown::DiscardedBytes;
use super::state::State;
use super::timeouts::Waiting;
use super::timer_table::{Expired, RequestTimer, Timer, TimerTable};
use super::transport::Transport;
use crate::body::BodyErrorKind;
use crate::buffer_pool;
use crate::cgi::ErrorBody;

pin_project! {
    /// A connection and the machines that it is composed of; see the module.
    #[project = DriverProj]
    pub(super) struct Driver<IO, S>
    where
        S: FcgiService,
    {
        #[pin]
        in_flight: InFlight<Oneshot<S>, S::ResponseBody>,
        transport: Transport<IO>,
        protocol: Protocol,
        dispatcher: Dispatcher<S>,
        state: State,
        timers: TimerTable,
        discarded: DiscardedBytes,
        control: Control,
        config: Arc<DriverConfig>,
    }
}

/// Turns of one poll. A connection that always has more to do lets other tasks run after so many.
const MAX_POLL_ITERATIONS: usize = 32;

/// What the events of a turn have started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Started {
    /// At most the inline request.
    Inline,
    /// A task.
    Task,
}

impl<IO, S: FcgiService> Driver<IO, S> {
    pub(super) fn new(io: IO, service: S, config: &Config) -> Self {
        Self {
            in_flight: InFlight::new(),
            transport: Transport::new(io),
            protocol: Protocol::new(Arc::clone(&config.protocol)),
            dispatcher: Dispatcher::new(service),
            state: State::New,
            timers: TimerTable::default(),
            discarded: DiscardedBytes::None,
            control: Control::new(),
            config: Arc::clone(&config.driver),
        }
    }

    pub(super) const fn handle(&self) -> &ConnectionHandle {
        self.control.handle()
    }

    pub(super) const fn state(&self) -> State {
        self.state
    }

    pub(super) fn active_requests(&self) -> usize {
        self.protocol.active_requests()
    }

    pub(super) const fn set_on_incomplete_response(&mut self, reset: fn(&IO)) {
        self.transport.set_on_incomplete_response(reset);
    }
}

impl<IO, S> Driver<IO, S>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    S: FcgiService,
{
    /// Takes turns until nothing can be done, or the connection has ended.
    pub(super) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut this = self.project();
        this.control.register_waker(cx);
        for _ in 0..MAX_POLL_ITERATIONS {
            match this.poll_once(cx) {
                Ok(Progress::Made) => {}
                Ok(Progress::Blocked) => return Poll::Pending,
                Ok(Progress::Finished) => return Poll::Ready(Ok(())),
                Err(error) => {
                    this.cancel_all();
                    return Poll::Ready(Err(error));
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<IO, S> DriverProj<'_, IO, S>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    S: FcgiService,
{
    /// One turn, and the timers when it is blocked.
    fn poll_once(&mut self, cx: &mut Context<'_>) -> Result<Progress, Error> {
        if self.control.command() == Command::Abort {
            return Err(ErrorKind::Aborted.into());
        }
        let unread = self.protocol.unread_bytes();
        let progress = if self.state.is_open() { self.serve(cx)? } else { self.close(cx)? };
        self.restart_body_stall(unread);
        if progress != Progress::Blocked {
            return Ok(progress);
        }
        let progress = self.poll_timers(cx)?;
        if progress == Progress::Blocked {
            self.control.stay_open_if_busy();
        }
        Ok(progress)
    }

    /// One turn of an open connection.
    fn serve(&mut self, cx: &mut Context<'_>) -> Result<Progress, Error> {
        let was_full = self.is_full();
        self.write(cx)?;
        let has_room = was_full && !self.is_full();
        let (read, protocol_error) = match self.read(cx) {
            Ok(read) => (read, None),
            // Requests that were complete before the error are answered as far as that can be done at once, however
            // the bytes were cut.
            Err(error) if error.is_protocol_error() => (ReadOutcome::Eof, Some(error)),
            Err(error) => return Err(error),
        };
        if self.handle_events(cx) == Started::Task {
            // The runtime's worker keeps the task that it was given last to itself until this poll returns: a handler
            // that runs inline and blocks would delay that task. So the responses wait for the next poll.
            cx.waker().wake_by_ref();
            return protocol_error.map_or(Ok(Progress::Blocked), Err);
        }
        self.in_flight.as_mut().poll(self.protocol, self.config.max_write_buffer, cx);
        // After everything that can write a line, and before the decision on the close.
        self.control.stderr().flush_to(self.protocol, self.config.max_write_buffer);
        if let Some(error) = protocol_error {
            self.write(cx)?;
            return Err(error);
        }
        self.end_turn();
        if self.is_shutdown_complete(read) {
            self.protocol.stop_accepting();
        }
        let close = self.protocol.close_action().or_else(|| {
            let ended = self.state.is_input_ended() && self.protocol.active_requests() == 0;
            ended.then_some(CloseAction::Close)
        });
        if let Some(then) = close {
            self.begin_close(then);
            return Ok(Progress::Made);
        }
        // The transport has not seen the output of this turn yet. It has refused what was left of the last one's.
        let has_output = self.transport.has_new_output(self.protocol.output_len());
        let made = read == ReadOutcome::Data || has_room || has_output;
        Ok(if made { Progress::Made } else { Progress::Blocked })
    }

    /// Writes the output. Progress restarts the write timeout.
    fn write(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if self.transport.poll_write(self.protocol, cx)? == Progress::Made {
            self.timers.stop(Timer::Write);
        }
        Ok(())
    }

    /// Reads once, unless unread bodies have reached their limit.
    fn read(&mut self, cx: &mut Context<'_>) -> Result<ReadOutcome, Error> {
        if self.state.is_input_ended() {
            return Ok(ReadOutcome::Eof);
        }
        while !self.protocol.wants_read() {
            if self.in_flight.release_capacity(self.protocol, cx.waker()) == Progress::Blocked {
                return Ok(ReadOutcome::Paused);
            }
        }
        let read = self.transport.poll_read(self.protocol, cx)?;
        if read == ReadOutcome::Pending {
            return Ok(read);
        }
        let discarded = self.protocol.discarded_bytes();
        if (discarded > 0 || self.discarded.is_some()) && self.discarded.update(discarded, self.config) {
            self.protocol.stop_accepting();
        }
        if read == ReadOutcome::Eof {
            self.state.on_eof();
            match self.protocol.end_of_input() {
                EndOfInput::Clean => {}
                EndOfInput::InRequest if self.config.half_close => {
                    self.in_flight.fail_bodies(BodyErrorKind::Disconnected);
                }
                truncated => return Err(ErrorKind::UnexpectedEof(truncated).into()),
            }
        }
        Ok(read)
    }

    /// Handles everything that the protocol has received.
    fn handle_events(&mut self, cx: &mut Context<'_>) -> Started {
        let mut started = Started::Inline;
        while let Some(event) = self.protocol.poll_event() {
            match event {
                Event::Request(request) => {
                    self.on_request();
                    let key = request.key;
                    if self.config.request_timeout.is_some() {
                        self.timers.start_request(key, RequestTimer::Total);
                    }
                    let handle = self.control.handle();
                    let dispatched =
                        self.dispatcher.dispatch(request, self.protocol, self.config, handle, cx);
                    if let Some(dispatched) = dispatched
                        && self.start(dispatched, cx) == Placement::Task
                    {
                        started = Started::Task;
                    }
                }
                Event::BodyReadable(key) => self.receive_body(key),
                Event::Aborted(key) => self.abort(key),
                Event::Rejected(key, reason) => {
                    self.on_request();
                    self.reject(key, reason);
                }
                // The enum is not exhaustive, but has no other event.
                _ => {}
            }
        }
        started
    }

    fn on_request(&mut self) {
        self.state.on_request();
        self.timers.stop(Timer::KeepAlive);
    }

    /// Runs a request that the service has.
    fn start(&mut self, dispatched: Dispatched<S>, cx: &mut Context<'_>) -> Placement {
        let (request, response) = dispatched;
        if self.config.body_read_timeout.is_some() && !matches!(request.input, InputStreams::Complete) {
            self.timers.start_request(request.key, RequestTimer::BodyRead);
        }
        let placement = self.in_flight.as_mut().start(request, response);
        if placement == Placement::Inline && self.dispatcher.is_single_threaded() && !self.is_full() {
            // With one thread for everything, a task for the next request gains nothing if this one can be answered at
            // once. With several, the next one may run elsewhere while this one does here.
            self.in_flight.as_mut().poll_inline(self.protocol, self.config.max_write_buffer, cx);
        }
        placement
    }

    /// Moves what was received of a body to its handler.
    fn receive_body(&mut self, key: RequestKey) {
        // A request whose body was complete at its dispatch has no use for more.
        let Some(request) = self.in_flight.find(key) else { return };
        self.timers.restart_body(key);
        if request.input.receive(self.protocol, key) > self.config.max_body_bytes {
            self.on_body_too_large(key);
        }
    }

    /// The web server has aborted a request. Its handler is dropped, and END_REQUEST is sent unless that would make an
    /// incomplete response look complete.
    fn abort(&mut self, key: RequestKey) {
        self.cancel(key, BodyErrorKind::Aborted);
        let _ = match self.protocol.replace_response(key, b"") {
            Ok(true) => self.protocol.end_request(key, 0),
            Ok(false) => self.protocol.abandon_response(key),
            Err(closed) => Err(closed),
        };
    }

    fn reject(&mut self, key: RequestKey, reason: RejectReason) {
        let reason = match reason {
            RejectReason::TooManyBytes => "PARAMS exceed the limit of bytes",
            _ => "PARAMS exceed the limit of variables",
        };
        let failure = Failure::Request(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, reason);
        self.complete(key, &failure, ErrorBody::Unknown);
    }

    /// Nothing of a body was received for too long. Its request fails if the handler waits for it; else the handler
    /// gets an error when it comes to read on.
    fn on_body_stalled(&mut self, key: RequestKey) {
        let Some(request) = self.in_flight.find(key) else { return };
        if request.input.reader_is_waiting() && self.is_not_started(key) {
            self.fail_request(key, &Failure::BodyStalled, BodyErrorKind::ReadTimeout);
        } else {
            request.input.fail(BodyErrorKind::ReadTimeout);
        }
    }

    fn on_body_too_large(&mut self, key: RequestKey) {
        if self.is_not_started(key) {
            self.fail_request(key, &Failure::BodyTooLarge, BodyErrorKind::TooLarge);
        } else if let Some(request) = self.in_flight.find(key) {
            request.input.fail(BodyErrorKind::TooLarge);
            let _ = self.protocol.discard_body(key);
        }
    }

    /// Whether nothing of a response was given to the protocol.
    fn is_not_started(&self, key: RequestKey) -> bool {
        matches!(self.in_flight.progress(key), ResponseProgress::NotStarted(_))
    }

    /// Answers a request in place of its handler, which is dropped.
    fn fail_request(&mut self, key: RequestKey, failure: &Failure, kind: BodyErrorKind) {
        let error_body = self.in_flight.progress(key).error_body();
        self.cancel(key, kind);
        self.complete(key, failure, error_body);
    }

    /// Answers a request that no handler has.
    fn complete(&mut self, key: RequestKey, failure: &Failure, error_body: ErrorBody) {
        let mut writer = DirectWriter::new(self.protocol, key, self.config.max_write_buffer);
        complete(failure, error_body, DeferredLog::default(), &mut writer);
    }

    /// Drops the handler of a request.
    fn cancel(&mut self, key: RequestKey, kind: BodyErrorKind) {
        self.in_flight.as_mut().cancel(key, kind, self.protocol, self.config.max_write_buffer);
    }

    /// Drops all handlers: the peer is gone.
    fn cancel_all(&mut self) {
        let limit = self.config.max_write_buffer;
        self.in_flight.as_mut().cancel_all(BodyErrorKind::Disconnected, self.protocol, limit);
        self.control.stderr().close();
    }

    /// Publishes the activity at the end of a turn. A connection that becomes idle frees its memory.
    fn end_turn(&mut self) {
        let becomes_idle = self.state.on_turn_end(activity(self.protocol));
        self.publish_activity();
        if becomes_idle {
            buffer_pool::keep_output(self.protocol.output().take_buffer());
            self.protocol.shrink();
            self.in_flight.as_mut().shrink();
            if self.config.keep_alive_timeout.is_none() {
                self.timers.shrink();
            }
        }
    }

    fn publish_activity(&mut self) {
        if let Some(activity) = self.state.activity() {
            self.control.publish(activity);
        }
    }

    /// Whether enough output waits for the transport.
    fn is_full(&self) -> bool {
        self.protocol.output_len() >= self.config.max_write_buffer
    }

    /// Whether the connection is shutting down and no request is in flight. Bytes that were read in this turn may be
    /// the begin of one.
    fn is_shutdown_complete(&self, read: ReadOutcome) -> bool {
        if read == ReadOutcome::Data {
            return false;
        }
        match self.control.command() {
            Command::Run => false,
            Command::CloseIfIdle => matches!(self.state, State::Idle | State::Unfinished),
            Command::Shutdown | Command::Abort => {
                *self.state != State::New
                    && self.protocol.active_requests() == 0
                    && self.protocol.end_of_input() == EndOfInput::Clean
            }
        }
    }

    fn begin_close(&mut self, then: CloseAction) {
        let budget = self.config.linger_bytes.saturating_sub(self.protocol.discarded_bytes());
        self.state.close(then, budget);
        self.publish_activity();
        self.control.stderr().close();
    }

    /// One turn of a connection that closes.
    fn close(&mut self, cx: &mut Context<'_>) -> Result<Progress, Error> {
        self.write(cx)?;
        if self.transport.is_flushed()
            && let State::Flushing { then, .. } = *self.state
        {
            self.state.on_flushed();
            match then {
                CloseAction::Close => {}
                CloseAction::Reset => {
                    self.transport.prepare_reset();
                    return Err(ErrorKind::IncompleteResponse.into());
                }
                CloseAction::LingeringClose => {
                    match self.transport.poll_shutdown(cx) {
                        Poll::Ready(shut_down) => shut_down?,
                        Poll::Pending => return Ok(Progress::Blocked),
                    }
                    self.state.on_shut_down();
                    self.publish_activity();
                }
            }
        }
        match *self.state {
            State::Closed => Ok(Progress::Finished),
            state if state.is_input_ended() => Ok(Progress::Blocked),
            _ => self.discard_input(cx),
        }
    }

    /// Reads once, and discards the bytes.
    fn discard_input(&mut self, cx: &mut Context<'_>) -> Result<Progress, Error> {
        let Poll::Ready(read) = self.transport.poll_discard(cx) else { return Ok(Progress::Blocked) };
        let read = match read {
            Ok(read) => read as u64,
            // The web server has the response. How it closes does not matter.
            Err(_) if matches!(self.state, State::Lingering { .. }) => 0,
            Err(error) => return Err(error.into()),
        };
        if read == 0 {
            self.state.on_eof();
            return Ok(if *self.state == State::Closed { Progress::Finished } else { Progress::Blocked });
        }
        match self.state.on_discarded(read) {
            Ok(()) => Ok(Progress::Made),
            Err(_) => Err(ErrorKind::Timeout(TimeoutKind::Linger).into()),
        }
    }

    /// `Made`: a timeout was handled, and the next turn may find something to do.
    fn poll_timers(&mut self, cx: &mut Context<'_>) -> Result<Progress, Error> {
        while let Some(key) = self.protocol.poll_new_head() {
            self.timers.start_request(key, RequestTimer::Params);
        }
        let waiting = Waiting {
            state: *self.state,
            protocol: self.protocol,
            config: self.config,
            handle: self.control.handle(),
            discarded: self.discarded,
            writes: self.protocol.output_len() > 0 || !self.transport.is_flushed(),
        };
        match waiting.timer() {
            Some((timer, limit)) => self.timers.set(timer, limit),
            None => self.timers.stop_connection(),
        }
        let (config, protocol, in_flight) = (&*self.config, &*self.protocol, &self.in_flight);
        let limit = |key, timer| match timer {
            RequestTimer::Params => config.header_read_timeout.filter(|_| protocol.is_incomplete_head(key)),
            RequestTimer::BodyRead => {
                let receives = |_: &_| in_flight.find(key).is_some_and(|request| request.input.is_open());
                config.body_read_timeout.filter(receives)
            }
            RequestTimer::Total => config.request_timeout.filter(|_| protocol.is_writable(key)),
        };
        let (active, reads) = (protocol.active_requests(), protocol.wants_read());
        match self.timers.poll(limit, active, reads, cx) {
            Poll::Pending => return Ok(Progress::Blocked),
            Poll::Ready(Expired::Connection(timer)) => self.on_timeout(timer)?,
            Poll::Ready(Expired::Request(key, timer)) => {
                let unread = self.protocol.unread_bytes();
                self.on_request_timeout(key, timer);
                self.restart_body_stall(unread);
            }
        }
        Ok(Progress::Made)
    }

    fn on_timeout(&mut self, timer: Timer) -> Result<(), Error> {
        match timer {
            Timer::FirstRequest => self.protocol.stop_accepting(),
            Timer::RecordStart => return Err(ErrorKind::Timeout(TimeoutKind::HeaderRead).into()),
            Timer::Write => return Err(ErrorKind::Timeout(TimeoutKind::Write).into()),
            Timer::Linger => return Err(ErrorKind::Timeout(TimeoutKind::Linger).into()),
            Timer::ShutdownGrace => self.state.end_linger(),
            Timer::BodyStall => {
                if let Some(key) = self.protocol.largest_unread() {
                    self.fail_request(key, &Failure::BodyNotConsumed, BodyErrorKind::Evicted);
                }
            }
            Timer::KeepAlive => self.control.handle().graceful_shutdown(),
        }
        Ok(())
    }

    fn on_request_timeout(&mut self, key: RequestKey, timer: RequestTimer) {
        match timer {
            RequestTimer::Params => {
                if self.protocol.reject(key).is_ok() {
                    self.complete(key, &Failure::HeadTimeout, ErrorBody::Unknown);
                }
            }
            RequestTimer::BodyRead => self.on_body_stalled(key),
            RequestTimer::Total => self.fail_request(key, &Failure::Timeout, BodyErrorKind::Timeout),
        }
    }

    /// Restarts the timeout of paused input if unread bodies have changed: `unread` bytes were unread before.
    fn restart_body_stall(&mut self, unread: usize) {
        if self.protocol.unread_bytes() != unread {
            self.timers.stop(Timer::BodyStall);
        }
    }
}

/// What closing the connection would interrupt, as far as the protocol knows.
fn activity(protocol: &Protocol) -> Activity {
    if protocol.active_requests() > 0 || protocol.output_len() > 0 {
        Activity::Busy
    } else if protocol.is_idle() {
        if protocol.half_closed_requests() == 0 { Activity::Idle } else { Activity::Unfinished }
    } else if protocol.end_of_input() == EndOfInput::Clean {
        // Inside a record of an answered request.
        Activity::Unfinished
    } else {
        Activity::Busy
    }
}
