//! Decides which timeouts apply to a connection and its requests.

use std::time::Duration;

use fcgi_core::RequestKey;
use fcgi_core::server::{Connection, EndOfInput};

use super::config::DriverConfig;
use super::handle::{Command, ConnectionHandle, LINGER};
use super::in_flight::InFlight;
use super::shutdown::DiscardedBytes;
use super::state::State;
use super::timer_table::{RequestTimer, Timer};

/// How long a connection that shuts down waits for its first request. A web server connects when it has a request, so its
/// bytes have usually arrived. A connection without a request (a health check) delays the shutdown by this time.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

/// The inputs that decide which timer of a connection runs.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    pub(super) state: State,
    pub(super) protocol: &'a Connection,
    pub(super) config: &'a DriverConfig,
    pub(super) handle: &'a ConnectionHandle,
    pub(super) discarded: &'a DiscardedBytes,
    /// Whether output waits to be written or flushed.
    pub(super) writes: bool,
}

impl Waiting<'_> {
    /// The timer of the connection, apart from those of its requests, and its timeout. `None` if the connection waits for
    /// nothing, or without limit.
    #[inline(always)]
    pub(super) fn timer(&self) -> Option<(Timer, Duration)> {
        let Self { state, protocol, config, handle, .. } = *self;
        let command = handle.command();
        if !state.is_open() && !self.writes && command > Command::Run {
            return Some((Timer::ShutdownGrace, handle.closes_within().unwrap_or(LINGER)));
        }
        if let State::Lingering { .. } = state {
            return Some((Timer::Linger, self.discarded.time_left(config)?));
        }
        if self.writes || !state.is_open() {
            return Some((Timer::Write, config.write_timeout?));
        }
        if protocol.upgraded().is_some() {
            return Some((Timer::UpgradeIdle, config.upgrade_idle_timeout?));
        }
        if protocol.active_requests() > 0 {
            if protocol.active_requests() > 1 && !protocol.wants_read() {
                return Some((Timer::BodyStall, config.body_stall_timeout?));
            }
            return None;
        }
        if state == State::New {
            if protocol.end_of_input() == EndOfInput::Clean && command >= Command::Shutdown {
                return Some((Timer::FirstRequest, FIRST_REQUEST_TIMEOUT));
            }
            return Some((Timer::RecordStart, config.header_read_timeout?));
        }
        if protocol.end_of_input() == EndOfInput::InRecord {
            return Some((Timer::RecordStart, config.header_read_timeout?));
        }
        Some((Timer::KeepAlive, config.keep_alive_timeout?))
    }
}

/// The timeout of a request's timer. `None` if the timer has stopped or has no limit.
pub(super) fn request_limit<F, B>(
    key: RequestKey,
    timer: RequestTimer,
    config: &DriverConfig,
    protocol: &Connection,
    in_flight: &InFlight<F, B>,
) -> Option<Duration> {
    match timer {
        RequestTimer::Params => config.header_read_timeout.filter(|_| protocol.is_incomplete_head(key)),
        RequestTimer::BodyRead => config
            .body_read_timeout
            .filter(|_| in_flight.find(key).is_some_and(|request| request.input.awaits_body())),
        RequestTimer::Slow => config
            .slow_request_log
            .filter(|_| in_flight.find(key).is_some() && protocol.upgraded() != Some(key)),
        RequestTimer::Total => {
            config.request_timeout.filter(|_| protocol.is_writable(key) && protocol.upgraded() != Some(key))
        }
    }
}
