//! Compares this crate with the FastCGI applications given by `--peer`.

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
    ("hello-each", Work::hello(32).connection_per_request()),
    ("up-16k", Work::up(32, 16 * 1024)),
    ("up-1m", Work::up(8, 1024 * 1024)),
    ("down-1m", Work::down_1_mib(8)),
];

/// Runs in turns with this crate; a ratio is that of two neighbouring runs.
pub(crate) fn run(options: &Options, cores: &Cores) -> io::Result<()> {
    if options.peers.is_empty() || !options.selects(NAME) {
        return Ok(());
    }
    println!("{NAME}: CPU time of the application per request, with the same work\n");
    println!("| work | peer | this crate, µs | peer, µs | this crate / peer: min / median / max |");
    println!("| --- | --- | --- | --- | --- |");
    let scratch = Scratch::new()?;
    let ours = Application::start(Protocol::FastCgi, &scratch, cores.application())?;
    for peer in &options.peers {
        for (name, work) in WORK {
            // A new process for each work, so that a failure does not affect the next one.
            let theirs = Application::start_peer(peer, &scratch, cores.application())?;
            let pair = || -> io::Result<(f64, f64)> {
                let time = |application| Run::measure(application, Protocol::FastCgi, work, options.time);
                Ok((time(&ours)?.microseconds(), time(&theirs)?.microseconds()))
            };
            let rounds: io::Result<Vec<(f64, f64)>> = (0..options.rounds).map(|_| pair()).collect();
            match rounds {
                Ok(rounds) => println!(
                    "| {name} | {} | {:.2} | {:.2} | {} |",
                    peer.name,
                    Summary::of(rounds.iter().map(|(ours, _)| *ours)).median,
                    Summary::of(rounds.iter().map(|(_, theirs)| *theirs)).median,
                    Summary::of(rounds.iter().map(|(ours, theirs)| ours / theirs)),
                ),
                Err(error) => println!("| {name} | {} | | failed: {error} | |", peer.name),
            }
        }
    }
    println!();
    Ok(())
}
