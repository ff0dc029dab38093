//! The load generator wrk.

use std::{
    fmt, io,
    iter::Sum,
    process::{Command, Stdio},
    time::Duration,
};

use crate::headers::Headers;

/// A run's figures, as wrk reports them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) requests: u64,
    pub(crate) requests_per_second: f64,
    /// Of the responses that came.
    pub(crate) latency: Latency,
    pub(crate) failures: Failures,
}

/// How long half of the responses took at most, and 99 % of them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Latency {
    pub(crate) median: Duration,
    pub(crate) percentile_99: Duration,
}

/// Failed requests by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Failures {
    /// Responses with another status than 2xx or 3xx.
    pub(crate) statuses: u64,
    pub(crate) connects: u64,
    pub(crate) reads: u64,
    pub(crate) writes: u64,
    /// Responses that took more than two seconds.
    pub(crate) timeouts: u64,
}

impl Failures {
    pub(crate) const fn total(self) -> u64 {
        self.statuses + self.connects + self.reads + self.writes + self.timeouts
    }
}

impl Sum for Failures {
    fn sum<I: Iterator<Item = Self>>(failures: I) -> Self {
        failures.fold(Self::default(), |a, b| Self {
            statuses: a.statuses + b.statuses,
            connects: a.connects + b.connects,
            reads: a.reads + b.reads,
            writes: a.writes + b.writes,
            timeouts: a.timeouts + b.timeouts,
        })
    }
}

/// The kinds that there are, such as `3 bad statuses, 1 read errors`, or `0`.
impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            (self.statuses, "bad statuses"),
            (self.connects, "connect errors"),
            (self.reads, "read errors"),
            (self.writes, "write errors"),
            (self.timeouts, "timeouts"),
        ];
        let kinds = kinds.into_iter().filter(|(count, _)| *count > 0);
        let kinds: Vec<_> = kinds.map(|(count, kind)| format!("{count} {kind}")).collect();
        if kinds.is_empty() { f.write_str("0") } else { f.write_str(&kinds.join(", ")) }
    }
}

/// Runs wrk with one thread. Nothing is pinned: all processes share the available cores, as in production.
///
/// # Errors
/// wrk did not start, or its output is unknown. Failed requests are no error, but part of the outcome.
pub(crate) fn run(
    port: u16,
    path: &str,
    connections: usize,
    headers: &Headers,
    time: Duration,
) -> io::Result<Outcome> {
    let mut wrk = Command::new("wrk");
    wrk.args(["--latency", "-t", "1", "-c", &connections.to_string()]);
    // wrk accepts whole seconds only.
    wrk.args(["-d", &time.as_secs_f64().ceil().to_string()]);
    // wrk adds its own Host header, and nginx rejects a request with two.
    for (name, value) in headers.iter().filter(|(name, _)| *name != "host") {
        wrk.args(["-H", &format!("{name}: {value}")]);
    }
    let output = wrk.arg(format!("http://127.0.0.1:{port}{path}")).stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    Outcome::parse(&text).ok_or_else(|| {
        let errors = String::from_utf8_lossy(&output.stderr);
        io::Error::other(format!("unexpected output of wrk: {text}{errors}"))
    })
}

impl Outcome {
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().map(str::trim);
        let requests = lines.clone().find_map(|line| line.split_once(" requests in "))?.0.parse().ok()?;
        let rate = lines.clone().find_map(|line| line.strip_prefix("Requests/sec:"))?.trim().parse().ok()?;
        let statuses = lines.clone().find_map(|line| line.strip_prefix("Non-2xx or 3xx responses:"));
        let statuses = statuses.map_or(Some(0), |count| count.trim().parse().ok())?;
        let errors = lines.find_map(|line| line.strip_prefix("Socket errors:"));
        let [connects, reads, writes, timeouts] = errors.map_or(Some([0; 4]), socket_errors)?;
        let failures = Failures { statuses, connects, reads, writes, timeouts };
        Some(Self { requests, requests_per_second: rate, latency: Latency::parse(text)?, failures })
    }
}

impl Latency {
    /// Parses `50%    1.21ms` and `99%   23.00us`.
    fn parse(text: &str) -> Option<Self> {
        let value = |percentile| {
            let line = text.lines().find_map(|line| line.trim().strip_prefix(percentile))?.trim();
            let (number, unit) = line.split_at(line.find(|unit: char| unit.is_ascii_alphabetic())?);
            let seconds = match unit {
                "us" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                _ => return None,
            };
            Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()
        };
        Some(Self { median: value("50%")?, percentile_99: value("99%")? })
    }
}

/// Parses ` connect 0, read 5, write 0, timeout 1`.
fn socket_errors(list: &str) -> Option<[u64; 4]> {
    let mut kinds = list.split(',').map(str::trim);
    let mut count = |kind| kinds.next()?.strip_prefix(kind)?.trim().parse().ok();
    Some([count("connect")?, count("read")?, count("write")?, count("timeout")?])
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHOUT_FAILURES: &str = "\
Running 1s test @ http://127.0.0.1:18080/hello
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.25ms    1.02ms  21.33ms   93.11%
    Req/Sec    51.78k     4.99k   58.96k    72.73%
  Latency Distribution
     50%  812.00us
     75%    1.50ms
     90%    2.37ms
     99%    1.02s 
  56649 requests in 1.10s, 8.32MB read
Requests/sec:  51492.71
Transfer/sec:      7.56MB
";

    #[test]
    fn a_run_without_failures_is_parsed() {
        let outcome = Outcome::parse(WITHOUT_FAILURES).unwrap();
        assert_eq!((outcome.requests, outcome.requests_per_second), (56_649, 51_492.71));
        assert_eq!(outcome.failures, Failures::default());
        let latency =
            Latency { median: Duration::from_micros(812), percentile_99: Duration::from_millis(1_020) };
        assert_eq!(outcome.latency, latency);
    }

    #[test]
    fn failures_are_counted_by_kind() {
        let failed = "  Socket errors: connect 1, read 20, write 300, timeout 4000\n  Non-2xx or 3xx responses: 7\nRequests/sec:";
        let text = WITHOUT_FAILURES.replace("Requests/sec:", failed);
        let failures = Outcome::parse(&text).unwrap().failures;
        assert_eq!(failures, Failures { statuses: 7, connects: 1, reads: 20, writes: 300, timeouts: 4_000 });
        assert_eq!(failures.total(), 4_328);
        let shown = "7 bad statuses, 1 connect errors, 20 read errors, 300 write errors, 4000 timeouts";
        assert_eq!(failures.to_string(), shown);
        assert_eq!([failures, failures].into_iter().sum::<Failures>().total(), 2 * 4_328);
    }

    #[test]
    fn unknown_output_is_rejected() {
        for (from, to) in
            [(" requests in ", " in "), ("Requests/sec:", ""), ("51492.71", "many"), ("812.00us", "812")]
        {
            assert_eq!(Outcome::parse(&WITHOUT_FAILURES.replace(from, to)), None, "{to}");
        }
        let failed = WITHOUT_FAILURES.replace("Requests/sec:", "  Socket errors: some\nRequests/sec:");
        assert_eq!(Outcome::parse(&failed), None);
    }
}
