//! The counting for one connection.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use fcgi_core::RequestKey;
use http::{Method, Uri};

use super::counts::add;
use super::entry::{ConnectionEntry, RequestEntry};
use super::handle::{Shared, Stats};
use super::histogram::Measured;
use super::listing::{ConnectionState, RequestState};
use super::nanos::nanos;
use super::recorder::PolledConnection;
use super::report::{Cause, RecordedFailure, ResponseEnding, ResponseReport};
use super::shard::Shard;
use super::snapshot::{AbortReason, CloseReason, FailureCause, ProtocolRejection};
use super::thread_slot;

/// What is counted for one connection, and where.
#[derive(Debug)]
pub(super) struct Recording {
    shared: Arc<Shared>,
    entry: Arc<ConnectionEntry>,
    /// The counters of thread `slot`, which used this last.
    shard: Arc<Shard>,
    slot: usize,
    /// The request that runs in the entry's own place.
    first: Option<Running>,
    others: Vec<(Running, Arc<RequestEntry>)>,
    published: Published,
    /// Whether that is [`Published::IDLE`].
    is_at_rest: bool,
    close_reason: Option<CloseReason>,
}

/// A request in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Running {
    key: RequestKey,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    BeforeHead,
    AfterHead,
    Upgraded,
}

/// The connection's part of the gauges that all connections share.
#[derive(Debug, Default, PartialEq, Eq)]
struct Published {
    in_flight: u64,
    upgraded: u64,
    idle: u64,
    buffered: u64,
}

impl Published {
    /// Of an idle connection.
    const IDLE: Self = Self { in_flight: 0, upgraded: 0, idle: 1, buffered: 0 };
}

/// How a request has ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum Outcome {
    Completed,
    /// With the failure's error response.
    Rejected(RecordedFailure),
    RejectedByProtocol(ProtocolRejection),
    CutOff(Option<RecordedFailure>),
    Aborted(AbortReason),
}

impl Recording {
    pub(super) fn new(stats: &Stats) -> Self {
        let shared = Arc::clone(stats.shared());
        let (slot, shard) = (thread_slot::current(), shared.shard());
        add(&shard.accepted, 1);
        shared.open.change(0, 1);
        let entry = shared.registry.add(shared.clock.now());
        Self {
            shared,
            entry,
            shard,
            slot,
            first: None,
            others: Vec::new(),
            published: Published::default(),
            is_at_rest: false,
            close_reason: None,
        }
    }

    pub(super) fn set_peer(&self, peer: &dyn fmt::Debug) {
        // A connection has one peer: a second name is ignored.
        let _ = self.entry.peer.set(format!("{peer:?}").into());
    }

    /// The connection is one over HTTP, and its request was upgraded.
    pub(super) fn upgraded_http(&mut self) {
        if self.published.upgraded == 0 {
            self.change_upgraded(1);
            self.entry.set_state(ConnectionState::Active);
        }
    }

    /// Switches to the counters of the current thread, before one of them is changed: the connection may have moved from another
    /// one.
    #[inline]
    fn use_own_shard(&mut self) {
        let slot = thread_slot::current();
        if slot != self.slot {
            self.change_shard(slot);
        }
    }

    #[cold]
    fn change_shard(&mut self, slot: usize) {
        self.slot = slot;
        self.shard = self.shared.shard();
    }

    fn in_flight(&self) -> u64 {
        u64::from(self.first.is_some()) + self.others.len() as u64
    }

    /// The time now. Called before [`begin`](Self::begin) and [`ended`](Self::ended), and not by them: without a call to the
    /// system's clock in them, which they rarely need, they save no registers.
    #[inline(never)]
    pub(super) fn now(&self) -> u64 {
        self.shared.clock.now()
    }

    #[inline(never)]
    pub(super) fn begin(&mut self, now: u64, key: RequestKey, method: &Method, uri: &Uri) {
        if self.first.is_some() || self.entry.first.begin_frequent(now, method, uri).is_err() {
            return self.begin_rare(now, key, method, uri);
        }
        self.first = Some(Running { key, phase: Phase::BeforeHead });
        self.begun();
    }

    /// A request with a rare method, or one beside others.
    #[cold]
    #[inline(never)]
    fn begin_rare(&mut self, now: u64, key: RequestKey, method: &Method, uri: &Uri) {
        let running = Running { key, phase: Phase::BeforeHead };
        if self.first.is_none() {
            self.entry.first.begin(now, method, uri);
            self.first = Some(running);
        } else {
            let entry = self.entry.add_request();
            entry.begin(now, method, uri);
            self.others.push((running, entry));
        }
        self.begun();
    }

    #[inline(always)]
    fn begun(&self) {
        self.entry.count_request();
        // Not published before the end of the poll, by which most requests have ended.
        self.shared.in_flight.observe(self.published.in_flight, self.in_flight());
    }

    #[inline(never)]
    pub(super) fn ended(&mut self, now: u64, key: RequestKey, report: &ResponseReport) {
        // Most responses begin and end in one poll: one look at the clock, because their bytes are written together.
        if report.ending == ResponseEnding::Complete
            && report.details.is_none()
            && self.first == Some(Running { key, phase: Phase::BeforeHead })
        {
            let ticks = now.wrapping_sub(self.entry.first.began());
            // Not if it is negative: the counters of two processors may differ slightly.
            if ticks <= self.shared.most_quick_ticks {
                self.first = None;
                self.entry.first.end_untold();
                self.entry.idle_since.store(now, Ordering::Relaxed);
                self.entry.count_quick(ticks);
                return;
            }
        }
        self.ended_in_part(now, key, report);
    }

    /// With the signature of [`ended`](Self::ended), so that this call moves no arguments.
    #[inline(never)]
    fn ended_in_part(&mut self, now: u64, key: RequestKey, report: &ResponseReport) {
        self.polled_in_part(Some(now), key, report, None);
    }

    pub(super) fn polled(&mut self, key: RequestKey, report: &ResponseReport, state: RequestState) {
        self.polled_in_part(None, key, report, Some(state));
    }

    /// `now`: if it is known. `state`: `None` if the request has ended.
    fn polled_in_part(
        &mut self,
        now: Option<u64>,
        key: RequestKey,
        report: &ResponseReport,
        state: Option<RequestState>,
    ) {
        self.count_details(report);
        let Some((running, entry)) = self.find(key) else { return };
        add(&entry.sent, report.sent);
        let is_first = report.has_output && running.phase == Phase::BeforeHead;
        let is_head = is_first && report.ending != ResponseEnding::Replaced;
        if is_head {
            running.phase = Phase::AfterHead;
        }
        let began = entry.began();
        let upgrades = report.is_upgraded();
        if upgrades {
            running.phase = Phase::Upgraded;
        }
        if let Some(state) = state {
            entry.set_state(state);
        }
        if upgrades {
            self.change_upgraded(1);
        }
        if !is_head && state.is_some() {
            return;
        }
        let now = now.unwrap_or_else(|| self.now());
        self.use_own_shard();
        if is_head {
            self.shard.time_to_head.record(Measured::new(self.shared.clock.nanos_between(began, now)));
        }
        if state.is_none() {
            self.end_at(key, Outcome::of(report), now);
        }
    }

    pub(super) fn answered(&mut self, key: RequestKey, report: &ResponseReport) {
        self.count_details(report);
        if self.find(key).is_some() {
            self.end(key, Outcome::of(report));
        } else if report.ending != ResponseEnding::Open {
            self.count_unserved(Outcome::of(report));
        }
    }

    /// Counts what reports rarely have.
    pub(super) fn count_details(&mut self, report: &ResponseReport) {
        let Some(details) = &report.details else { return };
        self.use_own_shard();
        let shard = &self.shard;
        add(&shard.stderr_lines, details.stderr_lines);
        add(&shard.stderr_dropped, details.stderr_dropped);
        for _ in 0..details.panicked_drops {
            shard.count(FailureCause::Panicked);
        }
        if let Some(waited) = details.waited {
            shard.readiness_wait.record(Measured::new(nanos(waited)));
        }
    }

    /// Counts a request that was never in flight.
    pub(super) fn count_unserved(&mut self, outcome: Outcome) {
        self.use_own_shard();
        add(&self.shard.unserved, 1);
        self.count(outcome);
    }

    pub(super) fn rejected_at_begin(&mut self, unknown_role: u32, overloaded: u32, status: Option<u16>) {
        for _ in 0..unknown_role {
            self.count_unserved(Outcome::RejectedByProtocol(ProtocolRejection::UnknownRole));
        }
        for _ in 0..overloaded {
            // Other statuses have no counter.
            self.count_unserved(match status.filter(|status| (400..=599).contains(status)) {
                Some(status) => Outcome::Rejected(RecordedFailure { status, ..RecordedFailure::OVERLOADED }),
                None => Outcome::RejectedByProtocol(ProtocolRejection::Overloaded),
            });
        }
    }

    #[inline]
    pub(super) fn received_body(&self, key: RequestKey, total: u64) {
        let entry = match &self.first {
            Some(running) if running.key == key => Some(&self.entry.first),
            _ => self.others.iter().find(|(running, _)| running.key == key).map(|(_, entry)| &**entry),
        };
        if let Some(entry) = entry {
            entry.received.store(total, Ordering::Relaxed);
        }
    }

    pub(super) fn stderr(&mut self, sent: u64, dropped: u64) {
        self.use_own_shard();
        add(&self.shard.stderr_lines, sent);
        add(&self.shard.stderr_dropped, dropped);
    }

    pub(super) fn closing(&mut self, reason: CloseReason) {
        self.close_reason.get_or_insert(reason);
    }

    /// Ends a request, if it is in flight.
    pub(super) fn end(&mut self, key: RequestKey, outcome: Outcome) {
        self.use_own_shard();
        self.end_at(key, outcome, self.shared.clock.now());
    }

    #[inline]
    fn end_at(&mut self, key: RequestKey, outcome: Outcome, now: u64) {
        let Some((running, began)) = self.remove(key) else { return };
        self.entry.idle_since.store(now, Ordering::Relaxed);
        if running.phase == Phase::Upgraded {
            self.change_upgraded(-1);
        } else {
            self.shard.total_time.record(Measured::new(self.shared.clock.nanos_between(began, now)));
        }
        self.count(outcome);
    }

    #[inline]
    fn count(&self, outcome: Outcome) {
        match outcome {
            Outcome::Completed => add(&self.shard.completed, 1),
            failed => self.count_failed(failed),
        }
    }

    #[cold]
    fn count_failed(&self, outcome: Outcome) {
        let shard = &self.shard;
        match outcome {
            Outcome::Completed => {}
            Outcome::Rejected(failure) => {
                shard.count_rejected(failure.status);
                failure.count(shard);
            }
            Outcome::RejectedByProtocol(rejection) => shard.count(rejection),
            Outcome::CutOff(failure) => {
                add(&shard.cut_off, 1);
                if let Some(failure) = failure {
                    failure.count(shard);
                }
            }
            Outcome::Aborted(reason) => shard.count(reason),
        }
    }

    #[inline]
    fn find(&mut self, key: RequestKey) -> Option<(&mut Running, &RequestEntry)> {
        match &mut self.first {
            Some(running) if running.key == key => Some((running, &self.entry.first)),
            _ => {
                let found = self.others.iter_mut().find(|(running, _)| running.key == key);
                found.map(|(running, entry)| (running, &**entry))
            }
        }
    }

    /// Removes a request, and returns when it began.
    fn remove(&mut self, key: RequestKey) -> Option<(Running, u64)> {
        if let Some(running) = self.first.take_if(|running| running.key == key) {
            let began = self.entry.first.began();
            self.entry.first.end();
            return Some((running, began));
        }
        let index = self.others.iter().position(|(running, _)| running.key == key)?;
        let (running, entry) = self.others.swap_remove(index);
        self.entry.remove_request(&entry);
        Some((running, entry.began()))
    }

    #[cold]
    fn change_upgraded(&mut self, change: i64) {
        let upgraded = self.published.upgraded.saturating_add_signed(change);
        self.shared.upgraded.change(self.published.upgraded, upgraded);
        self.published.upgraded = upgraded;
    }

    /// The connection is idle after a poll, and nothing is in its buffers. Returns `false` if that is a change, and was not
    /// counted.
    #[inline(always)]
    pub(super) fn stays_idle(&mut self, received: u64, sent: u64) -> bool {
        if !self.is_at_rest {
            return false;
        }
        self.count_traffic(received, sent);
        true
    }

    #[inline(always)]
    fn count_traffic(&self, received: u64, sent: u64) {
        add(&self.entry.received, received);
        add(&self.entry.sent, sent);
    }

    pub(super) fn publish(&mut self, connection: PolledConnection) {
        let PolledConnection { state, received, sent, buffered } = connection;
        self.count_traffic(received, sent);
        let (in_flight, idle) = (self.in_flight(), u64::from(state == ConnectionState::Idle));
        let now = Published { in_flight, upgraded: self.published.upgraded, idle, buffered };
        if now != self.published {
            self.change_gauges(now);
        }
        self.entry.set_state(state);
    }

    fn change_gauges(&mut self, now: Published) {
        let (shared, before) = (&self.shared, &self.published);
        shared.in_flight.change(before.in_flight, now.in_flight);
        shared.upgraded.change(before.upgraded, now.upgraded);
        shared.idle.change(before.idle, now.idle);
        shared.buffered.change(before.buffered, now.buffered);
        self.entry.buffered.store(now.buffered, Ordering::Relaxed);
        self.is_at_rest = now == Published::IDLE;
        self.published = now;
    }

    pub(super) fn closed(mut self, failure: Option<CloseReason>) {
        let reason = failure.or(self.close_reason).unwrap_or(CloseReason::WebServer);
        let aborted = match reason {
            CloseReason::Aborted => AbortReason::ConnectionAborted,
            CloseReason::Dropped => AbortReason::Dropped,
            _ => AbortReason::ConnectionLost,
        };
        let others: Vec<_> = self.others.iter().map(|(running, _)| *running).collect();
        for running in self.first.into_iter().chain(others) {
            self.end(running.key, Outcome::Aborted(aborted));
        }
        self.use_own_shard();
        self.shard.count(reason);
        self.change_gauges(Published::default());
        self.shared.open.change(1, 0);
        self.shared.registry.remove(&self.entry);
    }
}

impl Outcome {
    fn of(report: &ResponseReport) -> Self {
        match (report.ending, report.failure()) {
            (ResponseEnding::Replaced, Some(failure)) => Self::Rejected(failure),
            (ResponseEnding::Incomplete, failure) => Self::CutOff(failure),
            (ResponseEnding::Complete, _) => Self::Completed,
            // The protocol has closed the request.
            _ => Self::Aborted(AbortReason::ConnectionLost),
        }
    }
}

impl RecordedFailure {
    fn count(self, shard: &Shard) {
        match self.cause {
            Cause::Failure(failure) => shard.count(failure),
            Cause::Timeout(timeout) => shard.count(timeout),
        }
    }
}
