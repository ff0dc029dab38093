//! `fcgi bench`.

use std::thread;

use libtest_mimic::Trial;
use serde_json::Value;
use test_support::{Result, trial};

use crate::application::Application;
use crate::run::fcgi;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("bench/a_few_hundred_requests", kept),
        trial("bench/a_connection_per_request_and_a_body", closed),
        trial("bench/for_a_duration", timed),
        trial("bench/http", http),
        trial("bench/a_5xx_is_a_failure", failing),
    ]
}

fn assert_plausible(report: &Value, answered: u64) {
    assert_eq!((&report["answered"], &report["failed"]), (&answered.into(), &0.into()), "{report}");
    assert_eq!(report["statuses"]["2xx"], answered, "{report}");
    let latency = |name: &str| report["latency_us"][name].as_f64().unwrap_or(-1.0);
    assert!(
        latency("p50") > 0.0 && latency("p50") <= latency("p99") && latency("p99") <= latency("max"),
        "{report}"
    );
    // In a closed loop, connections are busy most of the time, and never more than all of it.
    let number = |name: &str| report[name].as_f64().unwrap_or(-1.0);
    let busy = number("mean_us") * number("answered") / 1e6 / (number("seconds") * number("connections"));
    assert!((0.1..1.01).contains(&busy), "{busy}: {report}");
    assert!(report["per_second"].as_f64().is_some_and(|rate| rate > 0.0), "{report}");
}

fn kept() -> Result {
    let app = Application::start()?;
    let report = fcgi(&["bench", &app.address, "/", "-n", "300", "-c", "4", "--json"])?.exits(0)?.json()?;
    assert_plausible(&report, 300);
    assert_eq!(report["body_bytes"], 300 * "GET /\n".len());
    let text = fcgi(&["bench", &app.address, "/", "-n", "50", "-c", "2"])?.exits(0)?.stdout;
    assert!(text.starts_with("answered    50 (2xx: 50)\n") && text.contains("\np99.9 "), "{text}");
    Ok(())
}

fn closed() -> Result {
    let app = Application::start()?;
    let arguments =
        ["bench", &app.address, "/echo", "-d", "0123456789", "-n", "100", "-c", "3", "--close", "--json"];
    let report = fcgi(&arguments)?.exits(0)?.json()?;
    assert_plausible(&report, 100);
    assert_eq!(report["body_bytes"], 1_000);
    Ok(())
}

fn timed() -> Result {
    let app = Application::start()?;
    let report = fcgi(&["bench", &app.address, "/", "-t", "0.2", "-c", "2", "--json"])?.exits(0)?.json()?;
    let answered = report["answered"].as_u64().unwrap_or(0);
    assert!(answered > 0, "{report}");
    assert_plausible(&report, answered);
    Ok(())
}

fn http() -> Result {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?.to_string();
    let handle = runtime.handle().clone();
    let router = axum::Router::new().route("/", axum::routing::get(async || "over HTTP"));
    let server = handle.spawn(async { axum::serve(listener, router).await });
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let thread = thread::spawn(move || runtime.block_on(stopped));
    let report =
        fcgi(&["bench", &address, "/", "--http", "-n", "200", "-c", "4", "--json"])?.exits(0)?.json()?;
    assert_plausible(&report, 200);
    assert_eq!(report["body_bytes"], 200 * "over HTTP".len());
    let report =
        fcgi(&["bench", &address, "/", "--http", "--close", "-n", "20", "--json"])?.exits(0)?.json()?;
    assert_plausible(&report, 20);
    server.abort();
    drop(stop);
    thread.join().map_err(|_| "the server panicked")?.ok();
    Ok(())
}

fn failing() -> Result {
    let app = Application::start()?;
    let report = fcgi(&["bench", &app.address, "/status/500", "-n", "10", "--json"])?.exits(1)?.json()?;
    assert_eq!(report["statuses"]["5xx"], 10);
    let report = fcgi(&["bench", &app.address, "/cut", "-n", "10", "-c", "1", "--json"])?.exits(1)?.json()?;
    assert_eq!((&report["failed"], &report["answered"]), (&10.into(), &0.into()));
    Ok(())
}
