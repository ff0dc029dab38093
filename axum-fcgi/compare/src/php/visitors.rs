//! What slow clients do to the other visitors of a site.

use std::{io, thread, time::Duration};

use super::{
    setup::{Connections, Setup, Side},
    slow_clients::{SlowClients, Work},
};
use crate::{
    headers,
    options::Options,
    summary::Summary,
    wrk::{self, Failures, Outcome},
};

pub(super) const NAME: &str = "slow";

/// PHP's processes.
const CHILDREN: usize = 4;
/// The visitors, who are wrk's connections.
const VISITORS: usize = 8;
/// What is slow, and how many clients. A download is larger than the kernel's buffers.
const SLOW: [(&str, Work, usize); 2] =
    [("uploads", Work::Upload { first: 1024 }, 200), ("downloads", Work::Download, 50)];

/// How long slow clients go on before the visitors come, so that each could have reached PHP.
const BEFORE: Duration = Duration::from_secs(3);

pub(super) fn run(options: &Options) -> io::Result<()> {
    println!(
        "{NAME}: {VISITORS} visitors of /php/hello.php, php-fpm with {CHILDREN} processes, beside clients that send or read 1 KB/s\n"
    );
    println!(
        "| | | requests/s | of that alone: min / median / max | median, ms | 99 %, ms | failed | slow clients that left |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for (label, work, clients) in SLOW {
        let mut sides = [Vec::new(), Vec::new()];
        for _ in 0..options.rounds {
            for (rounds, side) in sides.iter_mut().zip(Side::BOTH) {
                rounds.push(measure(side, work, clients, options)?);
            }
        }
        for (rounds, side) in sides.iter().zip(Side::BOTH) {
            print_row(&format!("{clients} {label}"), side, rounds);
        }
    }
    println!();
    Ok(())
}

/// A run without slow clients, and one beside them.
struct Round {
    alone: Outcome,
    beside: Outcome,
    ended: usize,
}

fn measure(side: Side, work: Work, clients: usize, options: &Options) -> io::Result<Round> {
    // A new php-fpm, in which no slow client of another round waits.
    let setup = Setup::new(CHILDREN, Connections::Each)?;
    let _server = setup.start(side)?;
    let port = setup.port(side);
    let visit = || wrk::run(port, "/php/hello.php", VISITORS, &headers::of_browser(0), options.time);
    let alone = visit()?;
    let mut slow = SlowClients::start(port, clients, work)?;
    thread::sleep(BEFORE);
    let beside = visit()?;
    Ok(Round { alone, beside, ended: slow.ended() })
}

fn print_row(label: &str, side: Side, rounds: &[Round]) {
    let median = |figure: fn(&Round) -> f64| Summary::of(rounds.iter().map(figure)).median;
    let ratio = rounds.iter().map(|round| round.beside.requests_per_second / round.alone.requests_per_second);
    let failures: Failures = rounds.iter().map(|round| round.beside.failures).sum();
    println!(
        "| {label} | {} | {:.0} | {} | {:.2} | {:.2} | {failures} | {} |",
        side.name(),
        median(|round| round.beside.requests_per_second),
        Summary::of(ratio),
        median(|round| round.beside.latency.median.as_secs_f64() * 1e3),
        median(|round| round.beside.latency.percentile_99.as_secs_f64() * 1e3),
        rounds.iter().map(|round| round.ended).sum::<usize>(),
    );
}
