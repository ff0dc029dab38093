//! The timer table of a connection: a deadline for each timer, and one [`Sleep`] for all.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// What a connection waits for under a timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timer {
    /// The next request of an idle connection.
    KeepAlive,
    /// The reply to the probe.
    Probe,
    /// The reply that shows that the application is free.
    ReadyCheck,
    /// END_REQUEST of an aborted request.
    Abort,
    /// The end of a request whose caller has left.
    Abandoned,
    /// An unread response to be read, which blocks the others.
    BodyStall,
    /// The transport to shut down, after all else.
    Shutdown,
}

impl Timer {
    const ALL: [Self; 7] = [
        Self::KeepAlive,
        Self::Probe,
        Self::ReadyCheck,
        Self::Abort,
        Self::Abandoned,
        Self::BodyStall,
        Self::Shutdown,
    ];
}

/// The deadlines of timers that are set.
#[derive(Default)]
pub(super) struct Timers {
    deadlines: [Option<Instant>; Timer::ALL.len()],
    /// Kept while its deadline is earlier than those of the timers, also while no timer is set: to register one with the
    /// runtime for each request costs more than a wake-up at a deadline that is no longer needed.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timers {
    pub(super) const fn set(&mut self, timer: Timer, deadline: Instant) {
        self.deadlines[timer as usize] = Some(deadline);
    }

    /// Starts a timer unless it runs already.
    pub(super) fn start(&mut self, timer: Timer, timeout: Duration) {
        self.deadlines[timer as usize].get_or_insert_with(|| deadline_after(timeout));
    }

    pub(super) const fn stop(&mut self, timer: Timer) {
        self.deadlines[timer as usize] = None;
    }

    pub(super) const fn is_set(&self, timer: Timer) -> bool {
        self.deadlines[timer as usize].is_some()
    }

    /// Ready when the transport has had this long to shut down. Stops all other timers.
    pub(super) fn poll_shutdown(&mut self, timeout: Duration, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_set(Timer::Shutdown) {
            self.clear();
            self.start(Timer::Shutdown, timeout);
        }
        self.poll_expired(cx).map(drop)
    }

    /// Stops all timers.
    pub(super) const fn clear(&mut self) {
        self.deadlines = [None; Timer::ALL.len()];
    }

    /// The timer that expires next, and when.
    pub(super) fn next(&self) -> Option<(Timer, Instant)> {
        let set = Timer::ALL.into_iter().filter_map(|timer| Some((timer, self.deadlines[timer as usize]?)));
        set.min_by_key(|(_, deadline)| *deadline)
    }

    /// Ready when a timer has expired; stops that timer.
    pub(super) fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<Timer> {
        let Some((timer, deadline)) = self.next() else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        ready!(sleep.as_mut().poll(cx));
        if sleep.deadline() < deadline {
            sleep.as_mut().reset(deadline);
            ready!(sleep.as_mut().poll(cx));
        }
        self.stop(timer);
        Poll::Ready(timer)
    }
}

/// The instant that is `timeout` from now.
pub(super) fn deadline_after(timeout: Duration) -> Instant {
    Instant::now().checked_add(timeout).unwrap_or_else(never)
}

/// Thirty years from now, for a timeout beyond the range of the clock.
pub(super) fn never() -> Instant {
    Instant::now() + Duration::from_secs(30 * 365 * 24 * 60 * 60)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn timers_expire_in_order_and_once() {
        let (mut timers, start) = (Timers::default(), Instant::now());
        timers.start(Timer::BodyStall, 3 * SECOND);
        timers.start(Timer::BodyStall, SECOND);
        timers.set(Timer::Abort, start + 2 * SECOND);
        timers.set(Timer::Probe, start + SECOND);
        timers.stop(Timer::Probe);
        for (timer, after) in [(Timer::Abort, 2), (Timer::BodyStall, 3)] {
            assert_eq!(timers.next(), Some((timer, start + after * SECOND)));
            assert_eq!(poll_fn(|cx| timers.poll_expired(cx)).await, timer);
            assert_eq!(start.elapsed().as_secs(), u64::from(after));
            assert!(!timers.is_set(timer));
        }
        assert_eq!(timers.next(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn of_equal_deadlines_the_first_timer_expires() {
        let mut timers = Timers::default();
        for timer in Timer::ALL.into_iter().rev() {
            timers.start(timer, SECOND);
        }
        for timer in Timer::ALL {
            assert_eq!(poll_fn(|cx| timers.poll_expired(cx)).await, timer);
        }
    }
    #[tokio::test(start_paused = true)]
    async fn a_sleep_outlives_its_timer() {
        let (mut timers, start) = (Timers::default(), Instant::now());
        let mut cx = Context::from_waker(std::task::Waker::noop());
        timers.start(Timer::ReadyCheck, SECOND);
        assert!(timers.poll_expired(&mut cx).is_pending());
        timers.clear();
        assert!(timers.poll_expired(&mut cx).is_pending());
        timers.start(Timer::KeepAlive, 5 * SECOND);
        assert!(timers.poll_expired(&mut cx).is_pending());
        let sleeps_until = |timers: &Timers| timers.sleep.as_ref().map(|sleep| sleep.deadline());
        assert_eq!(sleeps_until(&timers), Some(start + SECOND));
        assert_eq!(poll_fn(|cx| timers.poll_expired(cx)).await, Timer::KeepAlive);
        assert_eq!(start.elapsed(), 5 * SECOND);
        // An earlier deadline.
        timers.start(Timer::KeepAlive, 5 * SECOND);
        assert!(timers.poll_expired(&mut cx).is_pending());
        timers.start(Timer::ReadyCheck, SECOND);
        assert_eq!(poll_fn(|cx| timers.poll_expired(cx)).await, Timer::ReadyCheck);
        assert_eq!(start.elapsed(), 6 * SECOND);
    }
}
