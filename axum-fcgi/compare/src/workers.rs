//! Compares two worker threads with one.

use std::io;

use crate::{
    application::{Application, Kind, Protocol},
    comparisons::Run,
    options::Options,
    scratch::Scratch,
    summary::Summary,
    work::Work,
};

const NAME: &str = "workers";
const CONNECTIONS: usize = 64;

/// Nothing is pinned: with two cores, the load shares them with the workers.
pub(crate) fn run(options: &Options) -> io::Result<()> {
    if !options.selects(NAME) {
        return Ok(());
    }
    let scratch = Scratch::new()?;
    let work = Work::hello(CONNECTIONS);
    println!("{NAME}: GET /hello, {CONNECTIONS} kept connections, not pinned, two worker threads : one\n");
    println!("| protocol | figure | two | one | two / one: min / median / max |");
    println!("| --- | --- | --- | --- | --- |");
    for protocol in Protocol::BOTH {
        let one = Kind::new(protocol);
        let two = Application::start_with(Kind { workers: 2, ..one }, &scratch, None)?;
        let one = Application::start_with(one, &scratch, None)?;
        let rounds = (0..options.rounds)
            .map(|_| {
                let run = |application| Run::measure(application, protocol, work, options.time);
                Ok((run(&two)?, run(&one)?))
            })
            .collect::<io::Result<Vec<_>>>()?;
        for (label, figure) in [
            ("requests/s", (|run| run.requests as f64 / run.time.as_secs_f64()) as fn(&Run) -> f64),
            ("CPU of the application per request, µs", Run::microseconds),
        ] {
            println!(
                "| {} | {label} | {:.2} | {:.2} | {} |",
                protocol.name(),
                Summary::of(rounds.iter().map(|(two, _)| figure(two))).median,
                Summary::of(rounds.iter().map(|(_, one)| figure(one))).median,
                Summary::of(rounds.iter().map(|(two, one)| figure(two) / figure(one))),
            );
        }
    }
    println!();
    Ok(())
}
