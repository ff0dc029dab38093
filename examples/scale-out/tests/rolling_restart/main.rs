//! Each instance is told to end, ends, and is started again, while clients ask on and on: each of their requests has a
//! whole answer of its own.

mod clients;
mod instances;

use std::fmt::Display;
use std::process::ExitCode;

use web_servers::{Installed, Result, WebServer};

use self::clients::Clients;
use self::instances::Instances;

/// How often each instance is restarted.
const ROUNDS: usize = 3;
/// Answers between one restart and the next: all of the instances are at work again.
const BETWEEN: usize = 200;

fn main() -> ExitCode {
    web_servers::run(vec![
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
    let mut restarts = 0;
    for _ in 0..ROUNDS {
        for instance in 0..instances.ports.len() {
            clients.wait_for_answers(BETWEEN)?;
            instances.restart(instance)?;
            restarts += 1;
        }
    }
    clients.wait_for_answers(BETWEEN)?;
    let (answered, lost, by) = clients.stop();
    println!("{answered} requests answered by {} processes in {restarts} restarts", by.len());
    assert!(lost.is_empty(), "{} of {answered} lost: {:?}\n{}", lost.len(), lost.first(), server.logs());
    // Each process had its share, so each was found again.
    assert_eq!(by.len(), instances.ports.len() + restarts, "{by:?}");
    Ok(())
}
