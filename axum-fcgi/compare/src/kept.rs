//! What a request costs while many connections are open.

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
/// What the others are compared with. Not the first: one connection alone is never busy.
const BASE: usize = 1;
/// Files that either process has open besides the connections, amply.
const OTHER_FILES: usize = 64;

pub(crate) fn run(options: &Options, cores: &Cores) -> io::Result<()> {
    if !options.wants(NAME) {
        return Ok(());
    }
    let counts = CONNECTIONS.map(at_most);
    let scratch = Scratch::new()?;
    let mut applications = Vec::new();
    for protocol in Protocol::BOTH {
        applications.push((protocol, Application::start(protocol, &scratch, cores.application())?));
    }
    // By round, by number of connections, by protocol.
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
        let rise =
            |side: usize| Summary::of(rounds.iter().map(|round| round[row][side] / round[BASE][side])).median;
        println!(
            "| {connections} | {:.2} | {:.2} | {:.2} | {:.2} | {} |",
            time(0),
            rise(0),
            time(1),
            rise(1),
            Summary::of(rounds.iter().map(|round| round[row][0] / round[row][1])),
        );
    }
    println!("\n{}\n", open_files_note());
    Ok(())
}

/// As many connections as either process may have open.
pub(crate) fn at_most(connections: usize) -> usize {
    let files = process::open_files().unwrap_or(1024);
    connections.min(files.saturating_sub(OTHER_FILES)).max(1)
}

pub(crate) fn open_files_note() -> String {
    match process::open_files() {
        Ok(usize::MAX) => "open files (ulimit -n): unlimited".to_owned(),
        Ok(files) => format!("open files (ulimit -n): {files}"),
        Err(error) => format!("open files (ulimit -n): not known, 1024 assumed: {error}"),
    }
}
