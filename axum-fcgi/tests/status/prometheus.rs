//! Prometheus reads the page, with the configuration and the alerts of the deployment notes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use libtest_mimic::Trial;
use serde_json::Value;
use tempfile::TempDir;
use test_support::{Process, Result, find_program, free_port, get, needs, trial, wait_for};

use crate::site::Site;

const DEPLOYMENT: &str = include_str!("../../src/deployment.md");

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        needs("prometheus/accepts_the_scrape_and_fires_an_alert", find_program(&["prometheus"]), |program| {
            scrape(&program)
        }),
        needs("promtool/accepts_the_alerts", find_program(&["promtool"]), |program| rules(&program)),
        trial("the_deployment_notes_name_real_metrics", names),
    ]
}

/// The block of the deployment notes that begins with this line.
fn block(first: &str) -> Result<&'static str> {
    let mut blocks = DEPLOYMENT.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.find(|block| block.starts_with(first)).ok_or_else(|| format!("no block with {first}").into())
}

struct Prometheus {
    port: u16,
    _process: Process,
    _directory: TempDir,
}

impl Prometheus {
    fn start(program: &Path, page: u16) -> Result<Self> {
        let (directory, port) = (TempDir::new()?, free_port()?);
        let documented = block("scrape_configs:")?;
        let config = documented.replace("127.0.0.1:9090", &format!("127.0.0.1:{page}"));
        assert_ne!(config, documented, "the address is replaced");
        let config = config.replace("/status", "/");
        let path = directory.path().join("prometheus.yml");
        let often = "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [alerts.yml]\n";
        fs::write(&path, format!("{often}{config}"))?;
        fs::write(directory.path().join("alerts.yml"), block("groups:")?)?;
        let mut command = Command::new(program);
        command.arg(format!("--config.file={}", path.display()));
        command.arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()));
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let ready = || get(port, "/-/ready").is_ok_and(|answer| answer.status == 200);
        let process = Process::start(&mut command, ready)?;
        Ok(Self { port, _process: process, _directory: directory })
    }

    fn api(&self, path: &str) -> Result<Value> {
        let mut answer: Value = serde_json::from_str(&get(self.port, &format!("/api/v1/{path}"))?.body)?;
        assert_eq!(answer["status"], "success", "{answer}");
        Ok(answer["data"].take())
    }

    /// The newest values of a metric.
    fn values(&self, query: &str) -> Result<Vec<String>> {
        let data = self.api(&format!("query?query={query}"))?;
        let results = data["result"].as_array().ok_or("no result")?;
        Ok(results.iter().filter_map(|result| result["value"][1].as_str().map(str::to_owned)).collect())
    }
}

fn scrape(program: &Path) -> Result {
    let mut site = Site::start(10)?;
    let prometheus = Prometheus::start(program, site.port)?;
    // An alert needs the number before its event.
    wait_for("the first scrape", || Ok(prometheus.values("fcgi_requests_begun_total")? == ["0"]))?;
    let visit = site.visit()?;
    wait_for("a scrape after the requests", || Ok(prometheus.values("fcgi_requests_begun_total")? == ["4"]))?;
    for (query, value) in [
        ("fcgi_connections_open", "2".to_owned()),
        ("fcgi_connections_open_max", "2".to_owned()),
        ("fcgi_received_bytes_total", visit.sent.to_string()),
        ("fcgi_requests_failed_total%7Bcause=%22panicked%22%7D", "1".to_owned()),
        ("fcgi_time_to_head_seconds_bucket%7Ble=%22%2BInf%22%7D", "2".to_owned()),
        ("fcgi_time_to_head_seconds_count", "2".to_owned()),
        ("fcgi_pool_connect_failures_total%7Bpool=%22php%22%7D", "2".to_owned()),
    ] {
        assert_eq!(prometheus.values(query)?, [value], "{query}");
    }
    // All buckets, and a quantile of them.
    assert_eq!(prometheus.values("fcgi_time_to_head_seconds_bucket")?.len(), 22);
    let quantile = prometheus.values("histogram_quantile(0.99,fcgi_time_to_head_seconds_bucket)")?;
    assert!(quantile.iter().all(|value| value.parse::<f64>().is_ok_and(|value| value > 0.0)), "{quantile:?}");
    let targets = prometheus.api("targets")?;
    let target = &targets["activeTargets"][0];
    assert_eq!((&target["health"], &target["lastError"]), (&"up".into(), &"".into()), "{targets}");
    wait_for("the alert", || {
        let alerts = prometheus.api("alerts")?["alerts"].take();
        let alerts = alerts.as_array().ok_or("no alerts")?;
        let names: BTreeSet<_> =
            alerts.iter().filter_map(|alert| alert["labels"]["alertname"].as_str()).collect();
        Ok(names == BTreeSet::from(["FcgiRequestsFailed"]))
    })
}

fn rules(program: &Path) -> Result {
    let directory = TempDir::new()?;
    let path = directory.path().join("alerts.yml");
    fs::write(&path, block("groups:")?)?;
    let output = Command::new(program).args(["check", "rules"]).arg(path).output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let count = block("groups:")?.matches("- alert:").count();
    assert!(text.contains(&format!("SUCCESS: {count} rules found")), "{text}");
    Ok(())
}

/// Each metric in the notes is on the page, and each alert is in the notes' table.
fn names() -> Result {
    let text = Site::start(1)?.page("openmetrics")?.body;
    let known: BTreeSet<_> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split([' ', '{']).next())
        .collect();
    let words = DEPLOYMENT.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let named: BTreeSet<_> = words
        .filter(|word| {
            word.starts_with("fcgi_") && ["_total", "_count", "_bucket"].iter().any(|end| word.ends_with(end))
        })
        .collect();
    assert!(named.len() >= 10, "{named:?}");
    assert_eq!(named.difference(&known).collect::<Vec<_>>(), [&""; 0]);
    for alert in block("groups:")?.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(DEPLOYMENT.contains(&format!("\n| `{alert}` |")), "the table has no {alert}");
    }
    Ok(())
}
