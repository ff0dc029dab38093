//! The same work for other FastCGI applications, where they are named.

use std::io;

use crate::{
    application::{Application, Protocol},
    comparisons::Run,
    options::Options,
    process::Cores,
    scratch::Scratch,
    summary::Summary,
    work::Work,
};

const NAME: &str = "peers";

static WORK: [(&str, Work); 5] = [
    ("hello-kept", Work::hello(32)),
    ("hello-each", Work::hello(32).a_connection_each()),
    ("up-16k", Work::up(32, 16 * 1024)),
    ("up-1m", Work::up(8, 1024 * 1024)),
    ("down-1m", Work::down_1_mib(8)),
];

/// In turns with this crate; a ratio is that of two runs in a row.
pub(crate) fn run(options: &Options, cores: &Cores) -> io::Result<()> {
    if options.peers.is_empty() || !options.wants(NAME) {
        return Ok(());
    }
    println!("{NAME}: CPU time of the application per request, with the same work\n");
    println!("| work | peer | this crate, µs | peer, µs | this crate / peer: min / median / max |");
    println!("| --- | --- | --- | --- | --- |");
    let scratch = Scratch::new()?;
    let own = Application::start(Protocol::FastCgi, &scratch, cores.application())?;
    for peer in &options.peers {
        for (name, work) in WORK {
            // Another one for each work: a peer that fails at one is none the worse for the next.
            let other = Application::start_peer(peer, &scratch, cores.application())?;
            let pair = || -> io::Result<(f64, f64)> {
                let time = |application| Run::measure(application, Protocol::FastCgi, work, options.time);
                Ok((time(&own)?.microseconds(), time(&other)?.microseconds()))
            };
            let rounds: io::Result<Vec<(f64, f64)>> = (0..options.rounds).map(|_| pair()).collect();
            match rounds {
                Ok(rounds) => println!(
                    "| {name} | {} | {:.2} | {:.2} | {} |",
                    peer.name,
                    Summary::of(rounds.iter().map(|(own, _)| *own)).median,
                    Summary::of(rounds.iter().map(|(_, other)| *other)).median,
                    Summary::of(rounds.iter().map(|(own, other)| own / other)),
                ),
                Err(error) => println!("| {name} | {} | | it does not do this: {error} | |", peer.name),
            }
        }
    }
    println!();
    Ok(())
}
