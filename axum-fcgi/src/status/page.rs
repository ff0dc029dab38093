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
                    (traffic(report))
                    (pools(report))
                    (times(report))
                    @if let Some(list) = &report.list { (listing(list)) }
                }
            }
        }
    }
}

/// What a client alone can cause: not a trouble of the application.
const CLIENTS_FAULTS: [&str; 2] = ["invalid_request", "body_too_large"];
/// Connections that were not served, as it must be: the peer was gone, or the application ended.
const NO_TROUBLE: [&str; 2] = ["gone", "shutdown"];
/// Connections that did not end as web servers end them.
const BROKEN: [&str; 7] = [
    "web_server_truncated",
    "header_read_timeout",
    "write_timeout",
    "discard_limit",
    "protocol_error",
    "io_error",
    "incomplete_response",
];

/// Counters that should be zero, if they are not. The alerts in the deployment notes are about the same ones.
fn troubles(report: &Report) -> Markup {
    let (connections, requests) = (&report.snapshot.connections, &report.snapshot.requests);
    let mut rows: Vec<(String, u64)> = Vec::new();
    let mut add = |group: &str, counts: &mut dyn Iterator<Item = (&'static str, u64)>| {
        let counts = counts.filter(|(_, count)| *count > 0);
        rows.extend(counts.map(|(name, count)| (format!("{group}: {}", words(name)), count)));
    };
    let refused = connections.refused.iter();
    add("connection refused", &mut refused.filter(|(reason, _)| !NO_TROUBLE.contains(reason)));
    add("connection", &mut [("had_to_wait", connections.accept_wait.count)].into_iter());
    add("connection closed", &mut connections.closed.iter().filter(|(reason, _)| BROKEN.contains(reason)));
    let failures = requests.failures.iter();
    add("request failed", &mut failures.filter(|(cause, _)| !CLIENTS_FAULTS.contains(cause)));
    add("request timed out", &mut requests.timed_out.iter());
    add("request rejected", &mut requests.rejected_by_protocol.iter());
    add("response", &mut [("cut_off", requests.cut_off)].into_iter());
    add("line of STDERR", &mut [("dropped", report.snapshot.stderr.dropped)].into_iter());
    #[cfg(feature = "gateway")]
    for (name, pool) in &report.pools {
        let counts = [("connect_failures", pool.connect_failures), ("refused_requests", pool.refused)];
        add(&format!("pool {name}"), &mut counts.into_iter());
    }
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
    let faults = requests.failures.iter();
    let faults = faults.filter(|(cause, count)| *count > 0 && CLIENTS_FAULTS.contains(cause));
    let mut rows = vec![("begun".to_owned(), requests.begun), ("completed".to_owned(), requests.completed)];
    rows.extend(aborted.map(|(name, count)| (format!("aborted: {}", words(name)), count)));
    rows.extend(rejected.map(|(status, count)| (format!("rejected with {status}"), *count)));
    rows.extend(faults.map(|(cause, count)| (format!("by the client: {}", words(cause)), count)));
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
        ("to the head", &requests.time_to_head),
        ("whole request", &requests.total_time),
        ("wait for readiness", &requests.readiness_wait),
        ("wait of connection", &connections.accept_wait),
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
            (histograms(&[("wait", &pool.wait)]))
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
                        th { "id" } th.text { "peer" } th.text { "state" } th { "age" } th { "requests" } th { "received" }
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
