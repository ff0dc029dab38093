//! `fcgi dump` between a client and an application.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};

use libtest_mimic::Trial;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use test_support::{Result, free_port, trial};

use crate::application::Application;
use crate::run::{command, fcgi};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("proxy/forwards_and_prints", forwards),
        trial("proxy/application_unreachable", unreachable),
        trial("proxy/an_incomplete_response_stays_incomplete", incomplete),
    ]
}

/// A running `fcgi dump --listen`.
struct Proxy(Child);

impl Proxy {
    fn start(listen: &str, to: &str) -> Result<Self> {
        let mut child = command(["dump", "--listen", listen, "--to", to, "--json"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = child.stderr.take().ok_or("no pipe")?;
        let (proxy, mut line) = (Self(child), String::new());
        BufReader::new(stderr).read_line(&mut line)?;
        if !line.contains("listening at") {
            return Err(line.into());
        }
        Ok(proxy)
    }

    /// Interrupts the proxy and returns its output.
    fn stop(mut self) -> Result<Vec<Value>> {
        kill_process(Pid::from_child(&self.0), Signal::INT)?;
        let mut text = String::new();
        self.0.stdout.take().ok_or("no pipe")?.read_to_string(&mut text)?;
        assert_eq!(self.0.wait()?.code(), Some(0));
        Ok(text.lines().map(serde_json::from_str).collect::<std::result::Result<_, _>>()?)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Still running only if a test failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn forwards() -> Result {
    let (app, directory) = (Application::start()?, TempDir::new()?);
    let socket = directory.path().join("seen.sock");
    let listen = socket.display().to_string();
    let proxy = Proxy::start(&listen, &app.address)?;
    let body = "0123456789".repeat(100_000);
    let ran = fcgi(&["get", &listen, "/length", "-b", "-d", "abc", "-p", "HTTPS=on"])?.exits(0)?;
    assert_eq!(ran.stdout, "3 bytes");
    let file = directory.path().join("body");
    std::fs::write(&file, &body)?;
    let ran = fcgi(&["get", &listen, "/echo", "-b", "-d", &format!("@{}", file.display())])?.exits(0)?;
    assert!(ran.stdout == body, "{} bytes", ran.stdout.len());
    let records = proxy.stop()?;
    assert!(!socket.exists(), "the proxy's socket still exists");

    let of = |connection: u64, from: &str, kind: &str| {
        let is = |record: &&Value| {
            record["connection"] == connection && record["from"] == from && record["type"] == kind
        };
        records.iter().filter(is).cloned().collect::<Vec<_>>()
    };
    let params = of(1, "web server", "PARAMS");
    let has = |pair: &Value| params[0]["pairs"].as_array().is_some_and(|pairs| pairs.contains(pair));
    assert!(has(&serde_json::json!(["HTTPS", "on"])), "{params:?}");
    assert_eq!(of(1, "web server", "STDIN")[0]["content"], "abc");
    assert_eq!(of(1, "application", "END_REQUEST").len(), 1);
    let length = |records: Vec<Value>| {
        records.iter().filter_map(|record| record["content_length"].as_u64()).sum::<u64>()
    };
    assert_eq!(length(of(2, "web server", "STDIN")), body.len() as u64);
    assert!(length(of(2, "application", "STDOUT")) > body.len() as u64);
    Ok(())
}

fn unreachable() -> Result {
    let (listen, to) = (format!(":{}", free_port()?), format!(":{}", free_port()?));
    let proxy = Proxy::start(&listen, &to)?;
    fcgi(&["get", &listen, "/"])?.exits(1)?;
    let notes = proxy.stop()?;
    let reported = |note: &Value| note["note"].as_str().is_some_and(|text| text.contains("cannot connect"));
    assert!(notes.iter().any(reported), "{notes:?}");
    Ok(())
}

fn incomplete() -> Result {
    let app = Application::start()?;
    let listen = format!(":{}", free_port()?);
    let proxy = Proxy::start(&listen, &app.address)?;
    let ran = fcgi(&["get", &listen, "/cut"])?.exits(1)?;
    // The application's reset is forwarded to the web server.
    assert!(ran.stderr.contains("reset"), "{}", ran.stderr);
    let notes = proxy.stop()?;
    let reported =
        |note: &Value| note["note"].as_str().is_some_and(|text| text.contains("connection failed"));
    assert!(notes.iter().any(reported), "{notes:?}");
    Ok(())
}
