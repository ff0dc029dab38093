//! The results of a load.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::json;

use super::client::Response;
use crate::failure::Failure;

/// The results of one connection, or of all connections.
pub(super) struct Tally {
    /// Latency of each answered request, in nanoseconds.
    latencies: Histogram<u64>,
    /// Responses by the first digit of their status.
    classes: [u64; 10],
    bytes: u64,
    failed: u64,
    /// Consecutive failures.
    consecutive_failures: u32,
    /// The first failure.
    failure: Option<String>,
}

/// A connection stops after this many consecutive failures.
const MAX_CONSECUTIVE_FAILURES: u32 = 10;

pub(super) struct Report {
    pub(super) connections: usize,
    pub(super) time: Duration,
    pub(super) tally: Tally,
}

const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99_9", 0.999), ("max", 1.0)];

impl Tally {
    pub(super) fn new() -> Self {
        // From a microsecond to an hour, in nanoseconds, with three significant digits.
        let latencies =
            Histogram::new_with_bounds(1_000, 3_600_000_000_000, 3).expect("the bounds are valid");
        Self { latencies, classes: [0; 10], bytes: 0, failed: 0, consecutive_failures: 0, failure: None }
    }

    pub(super) fn record(&mut self, time: Duration, result: Result<Response, Failure>) {
        match result {
            Ok(Response { status, length }) => {
                let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
                self.latencies.saturating_record(nanoseconds);
                self.classes[usize::from(status / 100).min(9)] += 1;
                self.bytes += length;
                self.consecutive_failures = 0;
            }
            Err(failure) => {
                self.failed += 1;
                self.consecutive_failures += 1;
                self.failure.get_or_insert_with(|| failure.to_string());
            }
        }
    }

    /// Whether so many consecutive requests failed that the rest would fail, too.
    pub(super) const fn should_stop(&self) -> bool {
        self.consecutive_failures >= MAX_CONSECUTIVE_FAILURES
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.latencies.add(&other.latencies).expect("all histograms have the same bounds");
        for (class, more) in self.classes.iter_mut().zip(other.classes) {
            *class += more;
        }
        self.bytes += other.bytes;
        self.failed += other.failed;
        if self.failure.is_none() {
            self.failure.clone_from(&other.failure);
        }
    }
}

impl Report {
    /// Whether each request was answered, and none with a 5xx.
    pub(super) const fn is_good(&self) -> bool {
        self.tally.failed == 0 && self.tally.classes[5] == 0
    }

    pub(super) fn json(&self) -> serde_json::Value {
        let microseconds: serde_json::Map<_, _> = QUANTILES
            .iter()
            .map(|(name, quantile)| ((*name).to_owned(), self.latency(*quantile).into()))
            .collect();
        let statuses: serde_json::Map<_, _> =
            self.statuses().map(|(class, count)| (format!("{class}xx"), count.into())).collect();
        json!({
            "connections": self.connections,
            "seconds": self.time.as_secs_f64(),
            "answered": self.tally.latencies.len(),
            "failed": self.tally.failed,
            "failure": self.tally.failure,
            "statuses": statuses,
            "per_second": self.rate(),
            "body_bytes": self.tally.bytes,
            "mean_us": self.tally.latencies.mean() / 1e3,
            "latency_us": microseconds,
        })
    }

    fn statuses(&self) -> impl Iterator<Item = (usize, u64)> {
        self.tally.classes.iter().copied().enumerate().filter(|(_, count)| *count > 0)
    }

    fn rate(&self) -> f64 {
        self.tally.latencies.len() as f64 / self.time.as_secs_f64()
    }

    /// Returns a quantile of the latencies in microseconds.
    fn latency(&self, quantile: f64) -> f64 {
        self.tally.latencies.value_at_quantile(quantile) as f64 / 1e3
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let statuses: Vec<_> = self.statuses().map(|(class, count)| format!("{class}xx: {count}")).collect();
        writeln!(f, "answered    {} ({})", self.tally.latencies.len(), statuses.join(", "))?;
        if let Some(failure) = &self.tally.failure {
            writeln!(f, "failed      {}; first failure: {failure}", self.tally.failed)?;
        }
        writeln!(f, "time        {:.3} s on {} connections", self.time.as_secs_f64(), self.connections)?;
        writeln!(
            f,
            "rate        {:.0} requests/s, {:.1} MB/s of bodies",
            self.rate(),
            self.tally.bytes as f64 / 1e6 / self.time.as_secs_f64()
        )?;
        for (name, quantile) in QUANTILES {
            writeln!(f, "{:<11} {:.1} µs", name.replace('_', "."), self.latency(quantile))?;
        }
        Ok(())
    }
}
