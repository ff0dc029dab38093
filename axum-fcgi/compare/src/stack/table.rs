//! The table of all setups, and what is said after it.

use std::io;

use test_support::Installed;

use super::{setup::Setup, site::Run};
use crate::{summary::Summary, wrk::Failures};

/// What the table cannot show: versions, missing web servers and failures.
#[derive(Debug, Default)]
pub(crate) struct Table {
    versions: Vec<String>,
    /// Why a web server is missing, with the names of its setups.
    missing: Vec<(String, Vec<String>)>,
    failed: Vec<String>,
}

/// Prints the head of the table.
pub(crate) fn print_head() {
    println!(
        "| setup | FastCGI : HTTP | FastCGI, µs: web server + application | HTTP, µs | FastCGI / HTTP of the whole: min / median / max | failed requests: FastCGI; HTTP |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
}

impl Table {
    /// Prints the row of a setup.
    pub(crate) fn add(&mut self, setup: &Setup, installed: &Installed, rounds: io::Result<Vec<[Run; 2]>>) {
        let Setup { name, label, .. } = setup;
        let version =
            installed.version().map_or_else(|error| error.to_string(), |version| version.to_string());
        let version = format!("{:?} {version}", setup.server);
        if !self.versions.contains(&version) {
            self.versions.push(version);
        }
        match rounds {
            Ok(rounds) => println!(
                "| {name} | {label} | {} | {} | {} | {}; {} |",
                costs(&rounds, 0),
                costs(&rounds, 1),
                Summary::of(rounds.iter().map(|[fastcgi, http]| fastcgi.whole() / http.whole())),
                failures(&rounds, 0),
                failures(&rounds, 1),
            ),
            Err(error) => {
                println!("| {name} | {label} | failed | | | |");
                self.failed.push(format!("{name}: {error}"));
            }
        }
    }

    /// Notes that a setup's web server is missing.
    pub(crate) fn add_missing(&mut self, setup: &Setup, reason: String) {
        match self.missing.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, setups)) => setups.push(setup.name.clone()),
            None => self.missing.push((reason, vec![setup.name.clone()])),
        }
    }

    /// Prints what is said after the table.
    ///
    /// # Errors
    /// A setup failed.
    pub(crate) fn finish(self) -> io::Result<()> {
        println!();
        if !self.versions.is_empty() {
            println!("Versions: {}", self.versions.join(", "));
        }
        for (reason, setups) in self.missing {
            println!("Not installed: {reason}, for {}", setups.join(", "));
        }
        if self.failed.is_empty() { Ok(()) } else { Err(io::Error::other(self.failed.join("\n"))) }
    }
}

/// The medians of both processes.
fn costs(rounds: &[[Run; 2]], side: usize) -> String {
    let median =
        |figure: fn(&Run) -> f64| Summary::of(rounds.iter().map(|round| figure(&round[side]))).median;
    format!("{:.1} + {:.1}", median(Run::server), median(Run::application))
}

/// The failed requests of all rounds, by kind, and their share.
fn failures(rounds: &[[Run; 2]], side: usize) -> String {
    let runs = || rounds.iter().map(|round| &round[side]);
    let failures: Failures = runs().map(|run| run.failures).sum();
    if failures.total() == 0 {
        return failures.to_string();
    }
    let requests: u64 = runs().map(|run| run.requests).sum();
    format!("{failures} ({:.3} %)", failures.total() as f64 * 100.0 / requests as f64)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn run(server: u64, application: u64, statuses: u64, reads: u64) -> Run {
        Run {
            requests: 1_000,
            failures: Failures { statuses, reads, ..Failures::default() },
            server: Duration::from_millis(server),
            application: Duration::from_millis(application),
        }
    }

    #[test]
    fn costs_and_failures_are_of_one_side() {
        let rounds = [[run(20, 5, 1, 0), run(30, 8, 0, 0)], [run(22, 6, 0, 2), run(31, 9, 0, 0)]];
        assert_eq!((costs(&rounds, 0), costs(&rounds, 1)), ("21.0 + 5.5".into(), "30.5 + 8.5".into()));
        assert_eq!(
            (failures(&rounds, 0), failures(&rounds, 1)),
            ("1 bad statuses, 2 read errors (0.150 %)".into(), "0".into())
        );
        assert!((rounds[0][0].whole() - 25.0).abs() < 1e-9);
    }
}
