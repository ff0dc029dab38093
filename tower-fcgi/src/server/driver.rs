//! Drives one connection: the order of its steps, and the effects of each.
//!
//! The driver is composed of parts that are independent of each other:
//!
//! | part | responsibility |
//! | --- | --- |
//! | [`State`] | the state of the connection, from accept to close |
//! | [`Transport`] | reads and writes; tracks how much output was written |
//! | [`Dispatcher`] | checks requests and calls the service |
//! | [`InFlight`] | polls responses, inline and in tasks |
//! | [`RequestControl`] | handles an abort, a rejection or a timeout of a request |
//! | [`TimerTable`] | tracks all timeouts |
//! | [`DiscardedBytes`] | limits the discarded input |
//! | [`Control`] | receives commands from handles, and publishes the activity to them |
//!
//! `protocol` is the only table of requests, and does no I/O. An idle connection has none ([`ProtocolSlot`]). A poll runs
//! turns until one makes no progress. A turn of an open connection always has this order: write, read, handle events, poll
//! the responses, flush lines for STDERR, decide whether to close.

mod closing;
mod expiry;
mod logging;
mod recording;

use std::sync::Arc;
use std::task::{Context, Poll};

use fcgi_core::server::{CloseAction, Connection as Protocol, EndOfInput, Event, NewRequest};
use tokio::io::{AsyncRead, AsyncWrite};

use super::activity::Activity;
use super::config::{Config, DriverConfig};
use super::control::Control;
use super::dispatch::Dispatcher;
use super::error::{Error, ErrorCause, ErrorKind};
use super::handle::{Command, ConnectionHandle};
use super::in_flight::{InFlight, Placement};
use super::input_streams::InputStreams;
use super::oneshot::Oneshot;
use super::protocol_slot::ProtocolSlot;
use super::reader::ReadOutcome;
use super::requests::RequestControl;
use super::service::FcgiService;
use super::shutdown::DiscardedBytes;
use super::state::State;
use super::timer_table::{RequestTimer, Timer, TimerTable};
use super::transport::{Traffic, Transport};
use crate::body::BodyErrorKind;
use crate::buffer_pool;
use crate::progress::Progress;
use crate::stats::{CloseReason, Recorder, Stats};

/// The parts of a connection: see the module.
pub(super) struct Driver<IO, S: FcgiService> {
    in_flight: InFlight<Oneshot<S>, S::ResponseBody>,
    transport: Transport<IO>,
    protocol: ProtocolSlot,
    dispatcher: Dispatcher<S>,
    state: State,
    timers: TimerTable,
    discarded: DiscardedBytes,
    control: Control,
    config: Arc<DriverConfig>,
}

/// The parts of a connection during a poll.
struct Parts<'a, IO, S: FcgiService> {
    in_flight: &'a mut InFlight<Oneshot<S>, S::ResponseBody>,
    transport: &'a mut Transport<IO>,
    protocol: &'a mut Protocol,
    dispatcher: &'a mut Dispatcher<S>,
    state: &'a mut State,
    timers: &'a mut TimerTable,
    discarded: &'a mut DiscardedBytes,
    control: &'a mut Control,
    config: &'a DriverConfig,
    traffic: Traffic,
}

/// The most turns of one poll; then other tasks run, even if the connection always has more to do.
const MAX_POLL_ITERATIONS: usize = 32;

impl<IO, S: FcgiService> Driver<IO, S> {
    pub(super) fn new(io: IO, service: S, config: &Config, stats: Option<&Stats>) -> Self {
        Self {
            in_flight: InFlight::new(Recorder::new(stats)),
            transport: Transport::new(io),
            protocol: ProtocolSlot::new(Arc::clone(&config.protocol)),
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

    pub(super) const fn recorder(&mut self) -> &mut Recorder {
        self.in_flight.recorder()
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
    /// Runs turns until none makes progress, or the connection has ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut parts = Parts {
            in_flight: &mut self.in_flight,
            transport: &mut self.transport,
            protocol: self.protocol.resume(),
            dispatcher: &mut self.dispatcher,
            state: &mut self.state,
            timers: &mut self.timers,
            discarded: &mut self.discarded,
            control: &mut self.control,
            config: &self.config,
            traffic: Traffic::default(),
        };
        let polled = parts.poll(cx);
        parts.publish();
        if let Poll::Ready(result) = &polled {
            let failure = result.as_ref().err().map(Error::close_reason);
            parts.in_flight.recorder().closed(failure);
        }
        // The memory of a connection that has ended is freed by its drop.
        if polled.is_pending() {
            self.protocol.suspend_if_idle();
        }
        polled
    }
}

impl<IO, S> Parts<'_, IO, S>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    S: FcgiService,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.control.register_waker(cx);
        for _ in 0..MAX_POLL_ITERATIONS {
            match self.poll_once(cx) {
                Ok(Progress::Made) => {}
                Ok(Progress::Blocked) => return Poll::Pending,
                Ok(Progress::Finished) => return Poll::Ready(Ok(())),
                Err(error) => return Poll::Ready(Err(self.fail(error))),
            }
        }
        // A connection that always has more to do has timeouts, too.
        if let Err(error) = self.poll_timers(cx) {
            return Poll::Ready(Err(self.fail(error)));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Cancels all handlers because of an error, and returns it.
    fn fail(&mut self, error: Error) -> Error {
        self.log_failure(&error);
        self.requests().cancel_all();
        self.close_stderr();
        error
    }

    /// Runs one turn, and polls the timers if it is blocked.
    fn poll_once(&mut self, cx: &mut Context<'_>) -> Result<Progress, Error> {
        if self.control.command() == Command::Abort {
            return Err(ErrorCause::Aborted.into());
        }
        let unread = self.protocol.unread_bytes();
        let progress = if self.state.is_open() { self.serve(cx)? } else { self.close(cx)? };
        self.restart_body_stall(unread);
        if progress != Progress::Blocked || self.waits_without_limit() {
            return Ok(progress);
        }
        let progress = self.poll_timers(cx)?;
        if progress == Progress::Blocked {
            self.control.stay_open_if_busy();
        }
        Ok(progress)
    }

    /// Runs one turn of an open connection.
    fn serve(&mut self, cx: &mut Context<'_>) -> Result<Progress, Error> {
        let was_full = self.is_full();
        self.shut_down_upgrade();
        // Once: if the transport did not take all, `respond` queues more behind the rest.
        let _ = self.write(cx)?;
        let has_room = was_full && !self.is_full();
        let read = match self.read(cx) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Protocol => {
                // Answer the requests that were complete before the error if their responses are ready, so that the
                // result does not depend on how the bytes were split into reads.
                if self.respond(cx) == Placement::Inline {
                    self.write_all(cx)?;
                }
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        if self.respond(cx) == Placement::Task {
            cx.waker().wake_by_ref();
            return Ok(Progress::Blocked);
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
            let reason = self.close_reason();
            self.in_flight.recorder().closing(reason);
            self.begin_close(then);
            return Ok(Progress::Made);
        }
        // Only output that was queued in this turn: the transport is blocked on the output before it.
        let has_output = self.transport.has_new_output(self.protocol.output_len());
        let made = read == ReadOutcome::Data || has_room || has_output;
        Ok(if made { Progress::Made } else { Progress::Blocked })
    }

    /// During a graceful shutdown, ends the client's direction of an upgraded request: this tells its handler.
    fn shut_down_upgrade(&mut self) {
        if let Some(key) = self.protocol.upgraded()
            && self.control.command() >= Command::Shutdown
        {
            self.in_flight.end_upgrade(key);
            // Fails if the request has ended.
            let _ = self.protocol.discard_body(key);
        }
    }

    /// Writes some of the output. Progress restarts the write timeout.
    fn write(&mut self, cx: &mut Context<'_>) -> Result<Progress, Error> {
        let progress = self.transport.poll_write(self.protocol, &mut self.traffic, cx).map_err(Error::io)?;
        if progress.is_made() {
            self.timers.stop(Timer::Write);
            self.timers.stop(Timer::UpgradeIdle);
        }
        Ok(progress)
    }

    /// Writes the output until it is empty or the transport takes no more.
    fn write_all(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        while self.write(cx)?.is_made() {}
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
        let read = self.transport.poll_read(self.protocol, &mut self.traffic, cx)?;
        if read == ReadOutcome::Pending {
            return Ok(read);
        }
        self.timers.stop(Timer::UpgradeIdle);
        let discarded = self.protocol.discarded_bytes();
        if (discarded > 0 || self.discarded.is_some()) && self.discarded.update(discarded, self.config) {
            self.in_flight.recorder().closing(CloseReason::DiscardLimit);
            self.protocol.stop_accepting();
        }
        if read == ReadOutcome::Eof {
            self.state.on_eof();
            match self.protocol.end_of_input() {
                EndOfInput::Clean => {}
                EndOfInput::InRequest if self.config.half_close => {
                    self.in_flight.fail_bodies(BodyErrorKind::Disconnected);
                }
                truncated => return Err(ErrorCause::UnexpectedEof(truncated).into()),
            }
        }
        Ok(read)
    }

    /// Handles the received events, and polls the responses unless a task was started.
    fn respond(&mut self, cx: &mut Context<'_>) -> Placement {
        let started = self.handle_events(cx);
        // tokio's worker keeps the most recently spawned task in a slot of its own until this poll returns: a handler that
        // runs inline and blocks would delay that task. So poll the responses in the next poll.
        if started == Placement::Inline {
            let limit = self.config.max_write_buffer;
            self.in_flight.poll(self.protocol, limit, self.control.handle(), cx);
            // After all code that can write a line, and before the connection decides whether to close.
            let flushed = self.control.stderr().flush_to(self.protocol, limit);
            if let Some((sent, dropped)) = flushed {
                self.in_flight.recorder().stderr(sent, dropped);
            }
        }
        started
    }

    /// Handles all events. Returns [`Placement::Task`] if a task was started.
    fn handle_events(&mut self, cx: &mut Context<'_>) -> Placement {
        let mut started = Placement::Inline;
        while let Some(event) = self.protocol.poll_event() {
            match event {
                Event::Request(request) => {
                    self.on_request();
                    if self.dispatch(request, cx) == Some(Placement::Task) {
                        started = Placement::Task;
                    }
                }
                // The request may have been answered since the event was queued.
                Event::BodyReadable(key) if self.in_flight.find(key).is_some() => {
                    self.timers.restart_body(key);
                    let max_body_bytes = self.config.max_body_bytes;
                    self.requests().receive_body(key, max_body_bytes);
                }
                Event::Aborted(key) => self.requests().abort(key),
                Event::Rejected(key, reason) => {
                    self.on_request();
                    self.requests().reject(key, reason);
                }
                _ => {}
            }
        }
        started
    }

    fn on_request(&mut self) {
        self.state.on_request();
        self.timers.stop(Timer::KeepAlive);
        self.timers.stop(Timer::RecordStart);
    }

    /// Calls the service with a request, and runs its response. `None` if the request is already answered.
    fn dispatch(&mut self, request: NewRequest, cx: &mut Context<'_>) -> Option<Placement> {
        if self.config.request_timeout.is_some() {
            self.timers.start_request(request.key, RequestTimer::Total);
        }
        if self.config.slow_request_log.is_some() {
            self.timers.start_request(request.key, RequestTimer::Slow);
        }
        let (key, handle) = (request.key, self.control.handle());
        let placement =
            self.dispatcher.dispatch(request, self.protocol, self.in_flight, self.config, handle)?;
        let input = self.in_flight.find(key).map(|request| &request.input);
        if self.config.body_read_timeout.is_some() && input.is_some_and(InputStreams::awaits_body) {
            self.timers.start_request(key, RequestTimer::BodyRead);
        }
        // Poll an upgradable request once in each turn: between its 101 and the head, the input must be read.
        let polls_now = placement == Placement::Inline && !input.is_some_and(InputStreams::is_upgradable);
        if polls_now && self.dispatcher.is_single_threaded() && !self.is_full() {
            // With a single thread, a task for the next request gains nothing if this response is ready at once. With
            // several threads, the next request can run on another one in parallel.
            let limit = self.config.max_write_buffer;
            self.in_flight.poll_inline(self.protocol, limit, self.control.handle(), cx);
        }
        Some(placement)
    }

    fn requests(&mut self) -> RequestControl<'_, Oneshot<S>, S::ResponseBody> {
        RequestControl {
            protocol: &mut *self.protocol,
            in_flight: &mut *self.in_flight,
            max_write_buffer: self.config.max_write_buffer,
            connection: self.control.handle(),
        }
    }

    /// Updates and publishes the activity at the end of a turn. Frees the memory of a connection that becomes idle.
    fn end_turn(&mut self) {
        let becomes_idle = self.state.on_turn_end(Activity::of(self.protocol));
        self.publish_activity();
        if self.protocol.upgraded().is_some() && self.protocol.output_len() == 0 {
            // It may be idle for hours.
            buffer_pool::keep_output(self.protocol.output().take_buffer());
        }
        if becomes_idle {
            buffer_pool::keep_output(self.protocol.output().take_buffer());
            self.protocol.shrink();
            self.in_flight.shrink();
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

    /// Whether the unwritten output has reached its limit.
    fn is_full(&self) -> bool {
        self.protocol.output_len() >= self.config.max_write_buffer
    }

    /// Whether the connection is shutting down and no request is in flight. `false` if this turn has read bytes: they may
    /// begin a request.
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
}
