//! The numbers as OpenMetrics text.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use tower_fcgi::stats::{Gauge, Histogram};

use super::report::Report;

/// OpenMetrics 1.0 §8.2.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The text, which ends with `# EOF`.
pub(super) fn encode(report: Report) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("fcgi");
    registry.register_collector(Box::new(report));
    let mut out = String::new();
    text::encode(&mut out, &registry)?;
    Ok(out)
}

impl Collector for Report {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = Families(encoder);
        let started = self.snapshot.started_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        out.gauge_in(
            "start_time",
            "When the numbers were begun.",
            Some(&Unit::Seconds),
            &started.as_secs_f64(),
        )?;
        self.connections(&mut out)?;
        self.requests(&mut out)?;
        self.bytes(&mut out)?;
        #[cfg(feature = "gateway")]
        self.pools(&mut out)?;
        Ok(())
    }
}

impl Report {
    fn connections(&self, out: &mut Families<'_>) -> fmt::Result {
        let connections = &self.snapshot.connections;
        out.with_max("connections_open", "Open connections from web servers.", connections.open)?;
        out.with_max("connections_idle", "Kept connections without a request.", connections.idle)?;
        out.counter(
            "connections_accepted",
            "Connections that were accepted and served.",
            connections.accepted,
        )?;
        out.counters(
            "connections_refused",
            "Connections that were not served.",
            "reason",
            connections.refused.iter(),
        )?;
        out.counters("connections_closed", "Connections that ended.", "reason", connections.closed.iter())?;
        let help = "How long accepted connections waited until they were served.";
        out.histogram("accept_wait", help, &connections.accept_wait)
    }

    fn requests(&self, out: &mut Families<'_>) -> fmt::Result {
        let requests = &self.snapshot.requests;
        out.with_max("requests_in_flight", "Requests in flight.", requests.in_flight)?;
        out.with_max("requests_upgraded", "Requests in flight that were upgraded.", requests.upgraded)?;
        out.counter("requests_begun", "Requests that have begun.", requests.begun)?;
        out.counter("requests_completed", "Requests with a complete response.", requests.completed)?;
        out.counters(
            "requests_aborted",
            "Requests that lost the web server.",
            "reason",
            requests.aborted.iter(),
        )?;
        let rejected = requests.rejected.iter().map(|(status, count)| (status.to_string(), *count));
        out.counters("requests_rejected", "Requests with an error response.", "status", rejected)?;
        let help = "Requests that were rejected with a status of FastCGI.";
        out.counters("requests_rejected_by_protocol", help, "reason", requests.rejected_by_protocol.iter())?;
        out.counter("requests_cut_off", "Requests with an incomplete response.", requests.cut_off)?;
        out.counters(
            "requests_failed",
            "What failed in requests, apart from timeouts.",
            "cause",
            requests.failures.iter(),
        )?;
        out.counters("requests_timed_out", "Requests that timed out.", "timeout", requests.timed_out.iter())?;
        out.histogram("time_to_head", "The time to the head of the response.", &requests.time_to_head)?;
        out.histogram("total_time", "The time of a whole request.", &requests.total_time)?;
        let help = "How long requests waited until the service was ready.";
        out.histogram("readiness_wait", help, &requests.readiness_wait)
    }

    fn bytes(&self, out: &mut Families<'_>) -> fmt::Result {
        let bytes = &self.snapshot.bytes;
        out.counter_in("received", "Bytes from web servers.", Some(&Unit::Bytes), bytes.received)?;
        out.counter_in("sent", "Bytes to web servers.", Some(&Unit::Bytes), bytes.sent)?;
        let Gauge { current, max, .. } = bytes.buffered;
        out.gauge_in("buffered", "Bytes in buffers of connections.", Some(&Unit::Bytes), &as_gauge(current))?;
        out.gauge_in("buffered_max", "The most bytes in buffers.", Some(&Unit::Bytes), &as_gauge(max))?;
        let stderr = self.snapshot.stderr;
        out.counter("stderr_lines", "Lines for the error logs of web servers.", stderr.lines)?;
        out.counter("stderr_lines_dropped", "Lines that were dropped.", stderr.dropped)
    }

    #[cfg(feature = "gateway")]
    fn pools(&self, out: &mut Families<'_>) -> fmt::Result {
        use tower_fcgi::stats::PoolSnapshot;
        type Field<T> = (&'static str, &'static str, fn(&PoolSnapshot) -> T);
        const GAUGES: [Field<u64>; 6] = [
            ("pool_in_use", "Connections of a pool with requests.", |pool| pool.in_use.current),
            ("pool_in_use_max", "The most of them.", |pool| pool.in_use.max),
            ("pool_idle", "Connections of a pool without requests.", |pool| pool.idle.current),
            ("pool_idle_max", "The most of them.", |pool| pool.idle.max),
            ("pool_waiting", "Requests that wait for a connection.", |pool| pool.waiting.current),
            ("pool_waiting_max", "The most of them.", |pool| pool.waiting.max),
        ];
        const COUNTERS: [Field<u64>; 5] = [
            ("pool_requests", "Requests that a pool was given.", |pool| pool.requests),
            ("pool_retries", "Requests that were sent again.", |pool| pool.retries),
            ("pool_connected", "Connections that were opened.", |pool| pool.connected),
            ("pool_connect_failures", "Attempts to connect that failed.", |pool| pool.connect_failures),
            ("pool_refused", "Requests that the application has refused.", |pool| pool.refused),
        ];
        if self.pools.is_empty() {
            return Ok(());
        }
        for (name, help, value) in GAUGES {
            let mut family = out.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (pool, snapshot) in &self.pools {
                family.encode_family(&[("pool", pool.as_str())])?.encode_gauge(&as_gauge(value(snapshot)))?;
            }
        }
        for (name, help, value) in COUNTERS {
            let pools = self.pools.iter().map(|(pool, snapshot)| (pool.as_str(), value(snapshot)));
            out.counters(name, help, "pool", pools)?;
        }
        let help = "How long requests waited for a connection.";
        let mut family =
            out.0.encode_descriptor("pool_wait", help, Some(&Unit::Seconds), MetricType::Histogram)?;
        for (pool, snapshot) in &self.pools {
            let (sum, buckets) = parts(&snapshot.wait);
            family.encode_family(&[("pool", pool.as_str())])?.encode_histogram::<NoLabelSet>(
                sum,
                snapshot.wait.count,
                &buckets,
                None,
            )?;
        }
        Ok(())
    }
}

/// Writes metric families.
struct Families<'a>(DescriptorEncoder<'a>);

impl Families<'_> {
    fn counter(&mut self, name: &str, help: &str, count: u64) -> fmt::Result {
        self.counter_in(name, help, None, count)
    }

    fn counter_in(&mut self, name: &str, help: &str, unit: Option<&Unit>, count: u64) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, unit, MetricType::Counter)?;
        family.encode_counter::<NoLabelSet, _, u64>(&count, None)
    }

    /// A counter for each value of a label, also for those that are zero: so an alert sees the first event.
    fn counters<L: AsRef<str>>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        counts: impl Iterator<Item = (L, u64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (value, count) in counts {
            let labels = [(label, value.as_ref())];
            family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        Ok(())
    }

    fn with_max(&mut self, name: &str, help: &str, gauge: Gauge) -> fmt::Result {
        self.gauge_in(name, help, None, &as_gauge(gauge.current))?;
        self.gauge_in(&format!("{name}_max"), "The maximum since the start.", None, &as_gauge(gauge.max))
    }

    fn gauge_in(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        value: &impl EncodeGaugeValue,
    ) -> fmt::Result {
        self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?.encode_gauge(value)
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) -> fmt::Result {
        let (sum, buckets) = parts(histogram);
        let mut family = self.0.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
        family.encode_histogram::<NoLabelSet>(sum, histogram.count, &buckets, None)
    }
}

/// The sum in seconds, and the buckets with their bounds in seconds.
fn parts(histogram: &Histogram) -> (f64, Vec<(f64, u64)>) {
    let bound = |bound: Option<Duration>| bound.map_or(f64::INFINITY, |bound| bound.as_secs_f64());
    let buckets = histogram.buckets.iter().map(|bucket| (bound(bucket.upper_bound), bucket.count));
    (histogram.sum.as_secs_f64(), buckets.collect())
}

/// OpenMetrics has no unsigned gauges.
fn as_gauge(value: u64) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}
