//! Compares an application that counts, with `Stats`, with one that does not.

use std::io;

use crate::{
    application::{Application, Counting, Kind, Protocol},
    comparisons::Run,
    counter::Counter,
    instructions::per_request,
    options::Options,
    scratch::Scratch,
    summary::Summary,
    work::Work,
};

const NAME: &str = "stats";
const WORKERS: usize = 4;
const CONNECTIONS: usize = 64;

/// The application without `Stats` and with it.
fn kinds(workers: usize) -> [Kind; 2] {
    [Counting::Off, Counting::On].map(|counting| Kind { workers, counting, ..Kind::new(Protocol::FastCgi) })
}

/// Nothing is pinned: the load shares the cores with the workers.
pub(crate) fn run(options: &Options) -> io::Result<()> {
    if !options.selects(NAME) {
        return Ok(());
    }
    let scratch = Scratch::new()?;
    let [off, on] = kinds(WORKERS);
    let off = Application::start_with(off, &scratch, None)?;
    let on = Application::start_with(on, &scratch, None)?;
    println!("{NAME}: GET /hello, {CONNECTIONS} connections, not pinned, {WORKERS} worker threads");
    println!("CPU of the application per request, with Stats : without\n");
    println!("| connections | with, µs | without, µs | with / without: min / median / max |");
    println!("| --- | --- | --- | --- |");
    let kept = Work::hello(CONNECTIONS);
    for (label, work) in [("kept", kept), ("one each", kept.connection_per_request())] {
        let rounds = (0..options.rounds)
            .map(|round| {
                let run = |application| Run::measure(application, Protocol::FastCgi, work, options.time);
                // In turns: what runs second may find another machine.
                Ok(if round % 2 == 0 {
                    let off = run(&off)?;
                    (run(&on)?, off)
                } else {
                    (run(&on)?, run(&off)?)
                })
            })
            .collect::<io::Result<Vec<_>>>()?;
        println!(
            "| {label} | {:.2} | {:.2} | {} |",
            Summary::of(rounds.iter().map(|(on, _)| on.microseconds())).median,
            Summary::of(rounds.iter().map(|(_, off)| off.microseconds())).median,
            Summary::of(rounds.iter().map(|(on, off)| on.microseconds() / off.microseconds())),
        );
    }
    println!();
    Ok(())
}

/// Counts instructions for each request.
pub(crate) fn count(options: &Options) -> io::Result<()> {
    if !options.selects(NAME) {
        return Ok(());
    }
    let scratch = Scratch::new()?;
    println!("\n{NAME}: GET /hello, kept connections, {}\n", Counter::INSTRUCTIONS.label);
    println!("| worker threads | connections | without | with `Stats` |");
    println!("| --- | --- | --- | --- |");
    for (workers, connections) in [(1, 1), (WORKERS, 1), (WORKERS, CONNECTIONS)] {
        let [off, on] = kinds(workers).map(|kind| {
            per_request(&Counter::INSTRUCTIONS, &scratch, kind, Work::hello(connections), [12_000, 2_000])
        });
        println!("| {workers} | {connections} | {:.0} | {:.0} |", off?, on?);
    }
    Ok(())
}
