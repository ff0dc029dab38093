//! The numbers in each format.

use libtest_mimic::Trial;
use serde_json::json;
use test_support::{Result, trial};

use crate::site::{HOSTILE, Site};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("json_has_the_numbers", numbers),
        trial("full_lists_connections_and_requests", full),
        trial("the_page_has_the_numbers_and_escapes_targets", html),
        trial("openmetrics_has_the_numbers", openmetrics),
        trial("it_answers_while_all_connections_are_taken", all_taken),
    ]
}

fn numbers() -> Result {
    let mut site = Site::start(10)?;
    let visit = site.visit()?;
    let page = site.json("json")?;
    assert_eq!(page["version"], env!("CARGO_PKG_VERSION"));
    let connections = &page["connections"];
    assert_eq!(connections["open"], json!({"current": 2, "max": 2}));
    assert_eq!(connections["idle"], json!({"current": 1, "max": 1}));
    assert_eq!(connections["accepted"], 2);
    let requests = &page["requests"];
    assert_eq!(requests["in_flight"], json!({"current": 1, "max": 1}));
    assert_eq!((&requests["begun"], &requests["completed"]), (&json!(4), &json!(2)), "{page:#}");
    assert_eq!(requests["rejected"], json!({"500": 1}));
    assert_eq!(requests["failures"]["panicked"], 1);
    assert_eq!(requests["time_to_head"]["count"], 2);
    assert_eq!(page["bytes"]["received"], visit.sent);
    assert_eq!(page["pools"]["php"]["in_use"], json!({"current": 3, "max": 5}));
    for key in ["list", "peer", "target"] {
        assert!(!page.to_string().contains(&format!("\"{key}\"")), "only full lists: {page:#}");
    }
    Ok(())
}

fn full() -> Result {
    let mut site = Site::start(10)?;
    let visit = site.visit()?;
    let page = site.json("json&full")?;
    let [idle, busy] = page["list"].as_array().map(Vec::as_slice).unwrap_or_default() else {
        return Err(format!("not two connections: {page:#}").into());
    };
    assert_eq!(idle["peer"], visit.idle.local_addr()?.to_string());
    assert_eq!((&idle["state"], &idle["requests"]), (&json!("idle"), &json!(3)));
    assert_eq!((&busy["state"], &busy["requests"]), (&json!("active"), &json!(1)));
    assert_eq!(busy["peer"], visit.busy.local_addr()?.to_string());
    let request = &busy["in_flight"][0];
    assert_eq!((&request["method"], &request["state"]), (&json!("GET"), &json!("handler")), "{page:#}");
    assert!(request["target"].as_str().is_some_and(|target| target.starts_with("/wait/a&lt;")), "{request}");
    assert!(request["age"].as_f64().is_some_and(|age| age >= 0.0), "{request}");
    Ok(())
}

fn html() -> Result {
    let mut site = Site::start(10)?;
    let visit = site.visit()?;
    let page = site.page("html")?.body;
    for part in [
        "<strong>2</strong> open<small>at most 2</small>",
        "<strong>1</strong> idle",
        "<strong>1</strong> in flight",
        "<th>begun</th><td>4</td>",
        "<th>completed</th><td>2</td>",
        "<th>rejected with 500</th><td>1</td>",
        "<th>request failed: panicked</th><td>1</td>",
        "<h2>Pool php</h2>",
        "<th>pool php: connect failures</th><td>2</td>",
    ] {
        assert!(page.contains(part), "no {part} in {page}");
    }
    let peer = visit.busy.local_addr()?.to_string();
    assert!(!page.contains("/wait") && !page.contains(&peer), "only full lists: {page}");
    let page = site.page("html&full")?.body;
    assert!(
        page.contains("GET /wait/a&amp;lt;%22'%E2%80%AE%7F?%3Cscript%3E") && page.contains(&peer),
        "{page}"
    );
    assert!(!page.contains("<script") && !page.contains(HOSTILE), "{page}");
    Ok(())
}

fn openmetrics() -> Result {
    let mut site = Site::start(10)?;
    let visit = site.visit()?;
    let text = site.page("openmetrics")?.body;
    for line in [
        "fcgi_connections_open 2".to_owned(),
        "fcgi_connections_open_max 2".to_owned(),
        "fcgi_connections_idle 1".to_owned(),
        "fcgi_connections_accepted_total 2".to_owned(),
        "fcgi_requests_begun_total 4".to_owned(),
        "fcgi_requests_rejected_total{status=\"500\"} 1".to_owned(),
        "fcgi_requests_failed_total{cause=\"panicked\"} 1".to_owned(),
        "fcgi_requests_failed_total{cause=\"body_error\"} 0".to_owned(),
        "fcgi_time_to_head_seconds_bucket{le=\"+Inf\"} 2".to_owned(),
        "fcgi_time_to_head_seconds_count 2".to_owned(),
        format!("fcgi_received_bytes_total {}", visit.sent),
        "fcgi_pool_in_use{pool=\"php\"} 3".to_owned(),
        "fcgi_pool_requests_total{pool=\"php\"} 1234".to_owned(),
    ] {
        assert!(text.lines().any(|other| other == line), "no {line} in {text}");
    }
    assert!(text.ends_with("\n# EOF\n"), "{text}");
    assert!(!text.contains("/wait"), "labels have few values: {text}");
    Ok(())
}

fn all_taken() -> Result {
    let mut site = Site::start(1)?;
    let mut sent = 0;
    let mut busy = site.connect()?;
    site.begin(&mut busy, "/wait/x", &mut sent)?;
    let mut waiting = site.connect()?;
    site.send(&mut waiting, "/", &mut 0)?;
    let page = site.json("json&full")?;
    assert_eq!(page["connections"]["open"], json!({"current": 1, "max": 1}));
    assert_eq!(page["requests"]["in_flight"]["current"], 1);
    assert_eq!(page["list"][0]["in_flight"][0]["target"], "/wait/x");
    Ok(())
}
