//! Each instance is stopped with SIGTERM and started again while clients send requests: each request gets its own,
//! complete response.

mod clients;
mod instances;

use std::fmt::Display;
use std::process::ExitCode;

use test_support::{Installed, Result, WebServer};

use self::clients::Clients;
use self::instances::Instances;

/// How often each instance is restarted.
const ROUNDS: usize = 3;
/// Responses between two restarts, from all processes and from the one started last: the web server uses it again.
const BETWEEN: usize = 50;

fn main() -> ExitCode {
    test_support::run(vec![
        WebServer::Nginx
            .trial("no_request_is_lost", |nginx| rolling_restart(&nginx, include_str!("../../nginx.conf"))),
        WebServer::Haproxy.trial("no_request_is_lost", |haproxy| {
            rolling_restart(&haproxy, include_str!("../../haproxy.cfg"))
        }),
    ])
}

fn rolling_restart(installed: &Installed, config: &str) -> Result {
    let mut instances = Instances::start()?;
    let [a, b, c] = &instances.ports;
    let values: [(&str, &dyn Display); 3] = [("9001", a), ("9002", b), ("9003", c)];
    let server = installed.start(config, &values)?;
    let clients = Clients::start(server.port);
    for process in instances.ids() {
        clients.wait_for_responses(BETWEEN, process)?;
    }
    let mut restarts = 0;
    for _ in 0..ROUNDS {
        for instance in 0..instances.ports.len() {
            let process = instances.restart(instance)?;
            restarts += 1;
            let answered = clients.wait_for_responses(BETWEEN, process);
            answered.map_err(|error| format!("restart {restarts}: {error}\n{}", server.logs()))?;
        }
    }
    let results = clients.stop();
    assert!(results.lost.is_empty(), "{:?}\n{}", results.lost, server.logs());
    let responses: usize = results.responses.values().sum();
    println!("{responses} responses from {} processes during {restarts} restarts", results.responses.len());
    Ok(())
}
