//! The clock of the numbers.

use std::time::Duration;

use tokio::time::Instant;

use super::nanos::nanos;

/// Reads the time as a number of ticks, twice for each request: so it must be cheap.
#[derive(Debug)]
pub(super) enum Clock {
    /// The processor's counter, or the system's monotonic clock if the counter is not reliable.
    Counter(quanta::Clock),
    /// The runtime's clock, which is paused: nanoseconds since this time.
    Paused(Instant),
}

impl Clock {
    pub(super) fn new() -> Self {
        if is_paused() { Self::Paused(Instant::now()) } else { Self::Counter(quanta::Clock::new()) }
    }

    /// The time now, in ticks.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        match self {
            Self::Counter(counter) => counter.raw(),
            Self::Paused(epoch) => paused(*epoch),
        }
    }

    /// The nanoseconds between two times.
    #[inline]
    pub(super) fn nanos_between(&self, from: u64, to: u64) -> u64 {
        // The counters of two processors may differ slightly.
        match self {
            _ if to <= from => 0,
            Self::Counter(counter) => counter.delta_as_nanos(from, to),
            Self::Paused(_) => to - from,
        }
    }

    /// The most ticks that are not more than this number of nanoseconds.
    pub(super) fn ticks_within(&self, nanos: u64) -> u64 {
        // No counter is faster than this.
        let (mut least, mut most) = (0, 128 * nanos);
        while least < most {
            let middle = least + (most - least).div_ceil(2);
            if self.nanos_between(0, middle) <= nanos { least = middle } else { most = middle - 1 }
        }
        least
    }

    /// The time between two times.
    pub(super) fn between(&self, from: u64, to: u64) -> Duration {
        Duration::from_nanos(self.nanos_between(from, to))
    }
}

#[cold]
#[inline(never)]
fn paused(epoch: Instant) -> u64 {
    nanos(epoch.elapsed())
}

/// Whether a test has paused the runtime's clock: it stands still while the system's goes on. In other programs they are the
/// same.
fn is_paused() -> bool {
    let (runtime, system) = (Instant::now(), std::time::Instant::now());
    while system.elapsed() < Duration::from_micros(1) {}
    Instant::now() == runtime
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_within_a_time_are_the_most() {
        let clock = Clock::new();
        let ticks = clock.ticks_within(100_000);
        assert!(clock.nanos_between(0, ticks) <= 100_000);
        assert!(clock.nanos_between(0, ticks + 1) > 100_000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_paused_clock_is_the_runtimes() {
        let clock = Clock::new();
        let begin = clock.now();
        tokio::time::sleep(Duration::from_millis(15)).await;
        assert_eq!(clock.between(begin, clock.now()), Duration::from_millis(15));
    }

    #[tokio::test]
    async fn a_running_clock_keeps_pace_with_the_systems() {
        let clock = Clock::new();
        let (before, begin) = (std::time::Instant::now(), clock.now());
        let inner = std::time::Instant::now();
        while inner.elapsed() < Duration::from_millis(20) {}
        let least = inner.elapsed();
        let end = clock.now();
        let (measured, most) = (clock.between(begin, end), before.elapsed());
        // 1 % for the calibration.
        assert!(
            measured >= least.mul_f64(0.99) && measured <= most.mul_f64(1.01),
            "{least:?} {measured:?} {most:?}"
        );
        assert_eq!(clock.between(end, begin), Duration::ZERO);
    }
}
