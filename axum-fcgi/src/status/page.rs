//! The numbers as a page.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use tower_fcgi::stats::{ConnectionInfo, ConnectionState, Gauge, Histogram, RequestInfo, RequestState};

use super::quantity::{bytes, duration, words};
use super::report::Report;

pub(super) fn render(report: &Report) -> Markup {
    let snapshot = &report.snapshot;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "FastCGI status" }
                style { (PreEscaped(include_str!("page.css"))) }
            }
            body {
                header {
                    h1 { "FastCGI status" }
                    p { "axum-fcgi " (report.version) ", counting for " (duration(snapshot.uptime)) }
                    nav {
                        a href="?html" { "summary" } " "
                        a href="?html&full" { "all connections" } " "
                        a href="?json" { "JSON" } " "
                        a href="?openmetrics" { "OpenMetrics" }
                    }
                }
                main {
                    (troubles(report))
                    (connections(report))
                    (requests(report))
                    (times(report))
                    (traffic(report))
                    (pools(report))
                    @if let Some(list) = &report.list { (listing(list)) }
                }
            }
        }
    }
}

/// Counters that should be zero, if they are not.
fn troubles(report: &Report) -> Markup {
    let (connections, requests) = (&report.snapshot.connections, &report.snapshot.requests);
    let mut rows: Vec<(String, u64)> = Vec::new();
    let mut add = |group: &str, counts: &mut dyn Iterator<Item = (&'static str, u64)>| {
        let counts = counts.filter(|(_, count)| *count > 0);
        rows.extend(counts.map(|(name, count)| (format!("{group}: {}", words(name)), count)));
    };
    add("connection refused", &mut connections.refused.iter());
    add("request failed", &mut requests.failures.iter());
    add("request timed out", &mut requests.timed_out.iter());
    add("request rejected", &mut requests.rejected_by_protocol.iter());
    add("response", &mut [("cut_off", requests.cut_off)].into_iter());
    add("line of STDERR", &mut [("dropped", report.snapshot.stderr.dropped)].into_iter());
    let faulty =
        ["protocol_error", "io_error", "write_timeout", "header_read_timeout", "web_server_truncated"];
    add("connection closed", &mut connections.closed.iter().filter(|(name, _)| faulty.contains(name)));
    html! {
        section #troubles class=(if rows.is_empty() { "good" } else { "bad" }) {
            h2 { "What should be zero" }
            @if rows.is_empty() { p { "All of it is zero." } } @else { (table(&rows)) }
        }
    }
}

fn connections(report: &Report) -> Markup {
    let connections = &report.snapshot.connections;
    let closed: Vec<_> = connections.closed.iter().filter(|(_, count)| *count > 0).collect();
    html! {
        section #connections {
            h2 { "Connections" }
            (gauges(&[("open", connections.open), ("idle", connections.idle)]))
            (table(&[("accepted".to_owned(), connections.accepted)]))
            @if !closed.is_empty() {
                h3 { "closed" }
                (table(&closed.iter().map(|(name, count)| (words(name), *count)).collect::<Vec<_>>()))
            }
        }
    }
}

fn requests(report: &Report) -> Markup {
    let requests = &report.snapshot.requests;
    let aborted = requests.aborted.iter().filter(|(_, count)| *count > 0);
    let rejected = requests.rejected.iter();
    let mut rows = vec![("begun".to_owned(), requests.begun), ("completed".to_owned(), requests.completed)];
    rows.extend(aborted.map(|(name, count)| (format!("aborted: {}", words(name)), count)));
    rows.extend(rejected.map(|(status, count)| (format!("rejected with {status}"), *count)));
    html! {
        section #requests {
            h2 { "Requests" }
            (gauges(&[("in flight", requests.in_flight), ("upgraded", requests.upgraded)]))
            (table(&rows))
        }
    }
}

fn times(report: &Report) -> Markup {
    let (connections, requests) = (&report.snapshot.connections, &report.snapshot.requests);
    let rows = [
        ("to the head of the response", &requests.time_to_head),
        ("whole request", &requests.total_time),
        ("wait until the service was ready", &requests.readiness_wait),
        ("wait of an accepted connection", &connections.accept_wait),
    ];
    html! { section #times { h2 { "Times" } (histograms(&rows)) } }
}

fn histograms(rows: &[(&str, &Histogram)]) -> Markup {
    let at_most = |histogram: &Histogram, quantile| match histogram.quantile(quantile) {
        Some(bound) => format!("≤ {}", duration(bound)),
        None if histogram.count > 0 => "longer".to_owned(),
        None => "–".to_owned(),
    };
    html! {
        div.scroll { table {
            thead { tr { th {} th { "count" } th { "mean" } th { "half" } th { "99 %" } th { "all" } } }
            tbody { @for (name, histogram) in rows { tr {
                th { (name) }
                td { (histogram.count) }
                td { @match histogram.mean() { Some(mean) => (duration(mean)), None => "–" } }
                @for quantile in [0.5, 0.99, 1.0] { td { (at_most(histogram, quantile)) } }
            } } }
        } }
    }
}

fn traffic(report: &Report) -> Markup {
    let (traffic, stderr) = (&report.snapshot.bytes, &report.snapshot.stderr);
    let rows = [
        ("received", bytes(traffic.received)),
        ("sent", bytes(traffic.sent)),
        ("buffered now", bytes(traffic.buffered.current)),
        ("buffered at most", bytes(traffic.buffered.max)),
        ("lines of STDERR", stderr.lines.to_string()),
    ];
    html! {
        section #traffic {
            h2 { "Bytes" }
            table { tbody { @for (name, value) in rows { tr { th { (name) } td { (value) } } } } }
        }
    }
}

#[cfg(feature = "gateway")]
fn pools(report: &Report) -> Markup {
    html! { @for (name, pool) in &report.pools {
        section.pool {
            h2 { "Pool " (name) }
            (gauges(&[("in use", pool.in_use), ("idle", pool.idle), ("waiting", pool.waiting)]))
            (table(&[
                ("requests".to_owned(), pool.requests),
                ("connected".to_owned(), pool.connected),
                ("retries".to_owned(), pool.retries),
                ("connect failures".to_owned(), pool.connect_failures),
                ("refused by the application".to_owned(), pool.refused),
            ]))
            (histograms(&[("wait for a connection", &pool.wait)]))
        }
    } }
}

#[cfg(not(feature = "gateway"))]
fn pools(_: &Report) -> Markup {
    Markup::default()
}

fn listing(list: &[ConnectionInfo]) -> Markup {
    html! {
        section #list {
            h2 { "Open connections" }
            @if list.is_empty() { p { "No connection is open." } } @else {
                div.scroll { table {
                    thead { tr {
                        th { "id" } th { "peer" } th { "state" } th { "age" } th { "requests" } th { "received" }
                        th { "sent" } th { "buffered" }
                    } }
                    tbody { @for connection in list { (connection_rows(connection)) } }
                } }
            }
        }
    }
}

fn connection_rows(connection: &ConnectionInfo) -> Markup {
    let state = match (connection.state, connection.idle) {
        (ConnectionState::New, _) => "new".to_owned(),
        (ConnectionState::Active, _) => "active".to_owned(),
        (ConnectionState::Idle, Some(idle)) => format!("idle for {}", duration(idle)),
        (ConnectionState::Idle, None) => "idle".to_owned(),
        (ConnectionState::Closing, _) => "closing".to_owned(),
        (other, _) => format!("{other:?}"),
    };
    html! {
        tr {
            td { (connection.id) }
            td.text { (connection.peer.as_deref().unwrap_or("–")) }
            td.text { (state) }
            td { (duration(connection.age)) }
            td { (connection.requests) }
            td { (bytes(connection.received)) }
            td { (bytes(connection.sent)) }
            td { (bytes(connection.buffered)) }
        }
        @for request in &connection.in_flight { (request_row(request)) }
    }
}

fn request_row(request: &RequestInfo) -> Markup {
    let state = match request.state {
        RequestState::Waiting => "waits until the service is ready".to_owned(),
        RequestState::Handler => "handler".to_owned(),
        RequestState::Response => "response".to_owned(),
        RequestState::Upgraded => "upgraded".to_owned(),
        other => format!("{other:?}"),
    };
    html! { tr.request {
        td {}
        td.text colspan="2" { code { (request.method) " " (request.target) } " " span.state { (state) } }
        td { (duration(request.age)) }
        td {}
        td { (bytes(request.received)) }
        td { (bytes(request.sent)) }
        td {}
    } }
}

fn gauges(gauges: &[(&str, Gauge)]) -> Markup {
    html! { div.gauges { @for (name, gauge) in gauges {
        p { strong { (gauge.current) } " " (name) small { "at most " (gauge.max) } }
    } } }
}

fn table(rows: &[(String, u64)]) -> Markup {
    html! { table { tbody { @for (name, count) in rows { tr { th { (name) } td { (count) } } } } } }
}
