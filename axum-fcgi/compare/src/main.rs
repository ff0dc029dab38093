//! The same `Router` under `axum_fcgi::serve` and under `axum::serve`: what a request costs the application.
//!
//! ```sh
//! cargo run --release -p compare -- [FILTER] [--seconds S] [--rounds N] [--peer NAME=PROGRAM]... [--nginx]
//! cargo run --release -p compare -- --client [--instructions]
//! cargo run --release -p compare -- --php [--instructions]
//! ```
//!
//! Either application is a child process on one core; the load comes from this process on another, over unix
//! sockets. What is compared is run in turns (A B A B), since a machine that others use as well drifts by
//! more than the difference; a ratio is always that of two neighbouring runs. BENCHMARKS.md has the figures.

mod answer;
mod application;
mod asker;
mod clients;
mod comparisons;
mod headers;
mod kept;
mod load;
mod memory;
mod nginx;
mod options;
mod peers;
mod php;
mod process;
mod request;
mod scratch;
mod summary;
mod work;
mod workers;

use std::{env, io, process::ExitCode};

use crate::{application::Protocol, options::Options, process::Cores};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> io::Result<()> {
    if let [role, protocol, workers, socket] = arguments
        && role == application::ROLE
    {
        let workers = workers.parse().map_err(io::Error::other)?;
        return application::serve(Protocol::named(protocol)?, workers, socket.as_ref());
    }
    if let [role, client, requests, socket] = arguments
        && role == asker::ROLE
    {
        return asker::ask(client, requests.parse().map_err(io::Error::other)?, socket.as_ref());
    }
    if let [role, port, socket, root] = arguments
        && role == php::ROLE
    {
        return php::serve(port.parse().map_err(io::Error::other)?, socket.as_ref(), root.as_ref());
    }
    let options = Options::parse(arguments)?;
    if !options.instructions {
        println!("{} rounds of {:.1} s each\n", options.rounds, options.time.as_secs_f64());
    }
    if options.php {
        return php::run(&options);
    }
    if options.client {
        return clients::run(&options);
    }
    if options.nginx {
        return nginx::run(&options);
    }
    let cores = Cores::divide()?;
    println!("{cores}\n");
    comparisons::run(&options, &cores)?;
    peers::run(&options, &cores)?;
    kept::run(&options, &cores)?;
    workers::run(&options)?;
    memory::run(&options, &cores)
}
