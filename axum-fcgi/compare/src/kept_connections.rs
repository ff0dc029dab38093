//! The cost of a request while many connections are open.

use std::io;

use crate::{
    application::{Application, Protocol},
    comparisons::Run,
    options::Options,
    process::{self, Cores},
    scratch::Scratch,
    summary::Summary,
    work::Work,
};

pub(crate) const NAME: &str = "kept-connections";
const CONNECTIONS: [usize; 4] = [1, 100, 1_000, 10_000];
const ACTIVE: usize = 32;
/// The index of the row that the others are compared with. Not 0: one connection does not keep the application busy.
const BASELINE: usize = 1;
/// An upper bound of the files that either process has open besides the connections.
const OTHER_FILES: usize = 64;

pub(crate) fn run(options: &Options, cores: &Cores) -> io::Result<()> {
    if !options.selects(NAME) {
        return Ok(());
    }
    let counts = CONNECTIONS.map(within_file_limit);
    let scratch = Scratch::new()?;
    let mut applications = Vec::new();
    for protocol in Protocol::BOTH {
        applications.push((protocol, Application::start(protocol, &scratch, cores.application())?));
    }
    // Indexed by round, number of connections, protocol.
    let mut rounds: Vec<Vec<Vec<f64>>> = Vec::new();
    for _ in 0..options.rounds {
        let mut round = Vec::new();
        for connections in counts {
            let work = Work::hello(connections).active(connections.min(ACTIVE));
            let mut pair = Vec::new();
            for (protocol, application) in &applications {
                pair.push(Run::measure(application, *protocol, work, options.time)?.microseconds());
            }
            round.push(pair);
        }
        rounds.push(round);
    }

    println!(
        "{NAME}: GET /hello, CPU time of the application per request, at most {ACTIVE} connections in use\n"
    );
    let ratio = "FastCGI / HTTP: min / median / max";
    println!("| open | FastCGI, µs | of that at 100 | HTTP, µs | of that at 100 | {ratio} |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for (row, connections) in counts.into_iter().enumerate() {
        let time = |side: usize| Summary::of(rounds.iter().map(|round| round[row][side])).median;
        let growth = |side: usize| {
            Summary::of(rounds.iter().map(|round| round[row][side] / round[BASELINE][side])).median
        };
        println!(
            "| {connections} | {:.2} | {:.2} | {:.2} | {:.2} | {} |",
            time(0),
            growth(0),
            time(1),
            growth(1),
            Summary::of(rounds.iter().map(|round| round[row][0] / round[row][1])),
        );
    }
    println!("\n{}\n", file_limit_line());
    Ok(())
}

/// Reduces a number of connections to what the limit of open files permits.
pub(crate) fn within_file_limit(connections: usize) -> usize {
    let files = process::max_open_files().unwrap_or(1024);
    connections.min(files.saturating_sub(OTHER_FILES)).max(1)
}

/// A line about the limit, for the output.
pub(crate) fn file_limit_line() -> String {
    match process::max_open_files() {
        Ok(usize::MAX) => "open files (ulimit -n): unlimited".to_owned(),
        Ok(files) => format!("open files (ulimit -n): {files}"),
        Err(error) => format!("open files (ulimit -n): unknown, 1024 assumed: {error}"),
    }
}
