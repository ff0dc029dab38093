//! What a request costs who sends it: this crate's client against hyper's.

use std::{env, io, process::Command};

use crate::{
    application::{self, Application},
    asker::{self, Client},
    options::Options,
    process::{self, Cores},
    scratch::Scratch,
    summary::Summary,
};

/// The same, once with many requests and once with few: what is done once is in both.
const COUNTED: [usize; 2] = [12_800, 3_200];

pub(crate) fn run(options: &Options) -> io::Result<()> {
    let cores = Cores::divide()?;
    println!("{cores}; here the client has the application's core, and the server the load's\n");
    let scratch = Scratch::new()?;
    let servers = Client::ALL.map(|client| Application::start(client.protocol(), &scratch, None));
    let servers = servers.into_iter().collect::<io::Result<Vec<_>>>()?;
    let asked = |at: usize, requests, valgrind: Option<&str>| {
        ask(Client::ALL[at], &servers[at], requests, cores.application(), valgrind)
    };
    println!("| | | FastCGI | HTTP | FastCGI / HTTP |");
    println!("| --- | --- | --- | --- | --- |");
    for (what, [ours, other]) in [("a pool", [0, 1]), ("a connection for each caller", [2, 3])] {
        if options.instructions {
            if !application::is_installed("valgrind", "--version") {
                return Err(io::Error::other("valgrind is not installed"));
            }
            let counted = |at| -> io::Result<f64> {
                let [many, few] = COUNTED.map(|requests| asked(at, requests, Some("--tool=callgrind")));
                Ok((many? - few?) / (COUNTED[0] - COUNTED[1]) as f64)
            };
            let (ours, other) = (counted(ours)?, counted(other)?);
            println!("| {what} | instructions | {ours:.0} | {other:.0} | {:.2} |", ours / other);
            continue;
        }
        // About as long as the other comparisons.
        let requests = (options.time.as_secs_f64() * 60_000.0) as usize;
        let round = || Ok((asked(ours, requests, None)?, asked(other, requests, None)?));
        let rounds = (0..options.rounds).map(|_| round()).collect::<io::Result<Vec<(f64, f64)>>>()?;
        println!(
            "| {what} | µs | {:.2} | {:.2} | {} |",
            Summary::of(rounds.iter().map(|(ours, _)| *ours)).median,
            Summary::of(rounds.iter().map(|(_, other)| *other)).median,
            Summary::of(rounds.iter().map(|(ours, other)| ours / other)),
        );
    }
    Ok(())
}

/// Microseconds for each request, or instructions for all of them.
fn ask(
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
        command.args([asker::ROLE, client.name(), &requests.to_string()]).arg(server.socket()).output()?;
    let said = String::from_utf8_lossy(if valgrind.is_some() { &output.stderr } else { &output.stdout });
    let figure = match valgrind {
        None => said.trim(),
        Some(_) => {
            said.lines().find_map(|line| line.split_once("Collected : ")).map_or("", |(_, count)| count)
        }
    };
    let failed = || {
        let errors = String::from_utf8_lossy(&output.stderr);
        io::Error::other(format!("{} failed: {errors}", client.name()))
    };
    if output.status.success() { figure.trim().parse().map_err(|_| failed()) } else { Err(failed()) }
}
