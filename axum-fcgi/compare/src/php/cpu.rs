//! Requests per second, and per CPU second of the web server and PHP together.

use std::{io, time::Duration};

use super::setup::{Connections, Setup, Side};
use crate::{headers, options::Options, stack::process_times::ProcessTimes, summary::Summary, wrk};

pub(super) const NAME: &str = "cpu";

/// PHP's processes, and wrk's connections.
const CHILDREN: usize = 8;

/// A run of wrk on one web server.
#[derive(Debug, Clone, Copy)]
struct Run {
    requests: f64,
    requests_per_second: f64,
    /// CPU time.
    server: Duration,
    php: Duration,
}

impl Run {
    const fn per_second(&self) -> f64 {
        self.requests_per_second
    }

    fn per_cpu_second(&self) -> f64 {
        self.requests / (self.server + self.php).as_secs_f64()
    }

    fn per_cpu_second_of_the_server(&self) -> f64 {
        self.requests / self.server.as_secs_f64()
    }
}

pub(super) fn run(connections: Connections, options: &Options) -> io::Result<()> {
    for script in ["hello.php", "page.php"] {
        compare(script, connections, options)?;
    }
    Ok(())
}

fn compare(script: &str, connections: Connections, options: &Options) -> io::Result<()> {
    let mut setup = Setup::new(CHILDREN, connections)?;
    let mut rounds = Vec::new();
    for round in 0..=options.rounds {
        let [gateway, nginx] = Side::BOTH.map(|side| measure(&mut setup, side, script, options));
        let runs = [gateway?, nginx?];
        // The first round warms up PHP.
        if round > 0 {
            rounds.push(runs);
        }
    }
    println!(
        "{NAME}: GET /php/{script} of php-fpm with {CHILDREN} processes, wrk with {CHILDREN} connections; connections to PHP: {}\n",
        connections.name()
    );
    let [ours, theirs] = Side::BOTH.map(Side::name);
    println!("| | {ours} | {theirs} | ratio: min / median / max |");
    println!("| --- | --- | --- | --- |");
    for (label, figure) in [
        ("requests/s", Run::per_second as fn(&Run) -> f64),
        ("requests per CPU second of the web server and PHP", Run::per_cpu_second),
        ("requests per CPU second of the web server", Run::per_cpu_second_of_the_server),
    ] {
        let median = |side: usize| Summary::of(rounds.iter().map(|round| figure(&round[side]))).median;
        let ratio = Summary::of(rounds.iter().map(|[ours, theirs]| figure(ours) / figure(theirs)));
        println!("| {label} | {:.0} | {:.0} | {ratio} |", median(0), median(1));
    }
    println!();
    Ok(())
}

/// One web server runs at a time, because kept connections occupy PHP's processes.
fn measure(setup: &mut Setup, side: Side, script: &str, options: &Options) -> io::Result<Run> {
    let mut server = setup.start(side)?;
    let process = server.child().id();
    let before = (ProcessTimes::of_tree(process)?, setup.php_times()?);
    let path = format!("/php/{script}");
    let outcome = wrk::run(setup.port(side), &path, CHILDREN, &headers::of_browser(0), options.time)?;
    let after = (ProcessTimes::of_tree(process)?, setup.php_times()?);
    if outcome.failures.total() > 0 {
        return Err(io::Error::other(format!("{}: {}", side.name(), outcome.failures)));
    }
    Ok(Run {
        requests: outcome.requests as f64,
        requests_per_second: outcome.requests_per_second,
        server: after.0.since(&before.0)?,
        php: after.1.since(&before.1)?,
    })
}
