//! The cost of sending a request: this crate's client compared with hyper's.

use std::{env, io, process::Command};

use crate::{
    application::{self, Application},
    client::{self, Client},
    options::Options,
    process::{self, Cores},
    scratch::Scratch,
    summary::Summary,
};

/// Two runs with different numbers of requests. Their difference excludes the work done once per run.
const REQUEST_COUNTS: [usize; 2] = [12_800, 3_200];

pub(crate) fn run(options: &Options) -> io::Result<()> {
    let cores = Cores::pin()?;
    println!("{cores}; here the client runs on the application's core, the server on the load's\n");
    let scratch = Scratch::new()?;
    let servers = Client::ALL.map(|client| Application::start(client.protocol(), &scratch, None));
    let servers = servers.into_iter().collect::<io::Result<Vec<_>>>()?;
    let run = |index: usize, requests, valgrind: Option<&str>| {
        run_client(Client::ALL[index], &servers[index], requests, cores.application(), valgrind)
    };
    println!("| | | FastCGI | HTTP | FastCGI / HTTP |");
    println!("| --- | --- | --- | --- | --- |");
    for (label, [ours, theirs]) in [("a pool", [0, 1]), ("a connection for each caller", [2, 3])] {
        if options.instructions {
            if !application::is_installed("valgrind", "--version") {
                return Err(io::Error::other("valgrind is not installed"));
            }
            let instructions = |index| -> io::Result<f64> {
                let [many, few] =
                    REQUEST_COUNTS.map(|requests| run(index, requests, Some("--tool=callgrind")));
                Ok((many? - few?) / (REQUEST_COUNTS[0] - REQUEST_COUNTS[1]) as f64)
            };
            let (ours, theirs) = (instructions(ours)?, instructions(theirs)?);
            println!("| {label} | instructions | {ours:.0} | {theirs:.0} | {:.2} |", ours / theirs);
            continue;
        }
        // Takes about as long as the other comparisons.
        let requests = (options.time.as_secs_f64() * 60_000.0) as usize;
        let round = || Ok((run(ours, requests, None)?, run(theirs, requests, None)?));
        let rounds = (0..options.rounds).map(|_| round()).collect::<io::Result<Vec<(f64, f64)>>>()?;
        println!(
            "| {label} | µs | {:.2} | {:.2} | {} |",
            Summary::of(rounds.iter().map(|(ours, _)| *ours)).median,
            Summary::of(rounds.iter().map(|(_, theirs)| *theirs)).median,
            Summary::of(rounds.iter().map(|(ours, theirs)| ours / theirs)),
        );
    }
    Ok(())
}

/// Runs a client process. Returns the microseconds per request, or under valgrind the instructions of the whole run.
fn run_client(
    client: Client,
    server: &Application,
    requests: usize,
    core: Option<&str>,
    valgrind: Option<&str>,
) -> io::Result<f64> {
    let program = env::current_exe()?;
    let mut command = match valgrind {
        None => process::pinned(program, core),
        Some(tool) => {
            let mut command = Command::new("valgrind");
            command.args([tool, "--callgrind-out-file=/dev/null"]).arg(program);
            command
        }
    };
    let output =
        command.args([client::ROLE, client.name(), &requests.to_string()]).arg(server.socket()).output()?;
    let output_text =
        String::from_utf8_lossy(if valgrind.is_some() { &output.stderr } else { &output.stdout });
    let figure = match valgrind {
        None => output_text.trim(),
        Some(_) => output_text
            .lines()
            .find_map(|line| line.split_once("Collected : "))
            .map_or("", |(_, count)| count),
    };
    let failed = || {
        let errors = String::from_utf8_lossy(&output.stderr);
        io::Error::other(format!("{} failed: {errors}", client.name()))
    };
    if output.status.success() { figure.trim().parse().map_err(|_| failed()) } else { Err(failed()) }
}
