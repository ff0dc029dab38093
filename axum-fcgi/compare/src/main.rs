//! Measures what a request costs an application: the same `Router` under `axum_fcgi::serve` and `axum::serve`.
//!
//! ```sh
//! cargo run --release -p compare -- [FILTER] [--seconds S] [--rounds N] [--peer NAME=PROGRAM]... [--nginx]
//! cargo run --release -p compare -- --instructions [FILTER]
//! cargo run --release -p compare -- --stack [FILTER] [--instructions]
//! cargo run --release -p compare -- --client [--instructions]
//! cargo run --release -p compare -- --php [cpu|slow|memory] [--instructions]
//! cargo run --release -p compare -- --websocket [--rounds N]
//! ```
//!
//! Each application is a child process on one core. This process generates the load on another core, over unix
//! sockets. With `--stack`, wrk loads a web server in front of the application, the CPU time of both counts, and
//! nothing is pinned. Compared applications run in turns (A B A B), and a ratio is that of two neighbouring runs: the
//! speed of a shared machine drifts by more than the difference. BENCHMARKS.md has the figures.

mod application;
mod callers;
mod client;
mod client_comparison;
mod comparisons;
mod counter;
mod headers;
mod instructions;
mod kept_connections;
mod load;
mod memory;
mod nginx;
mod numbers;
mod options;
mod peers;
mod php;
mod process;
mod request;
mod response;
mod scratch;
mod stack;
mod summary;
mod web_socket;
mod work;
mod workers;
mod wrk;

use std::{env, io, process::ExitCode};

use crate::{application::Kind, options::Options, process::Cores};

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
    if let [role, protocol, workers, counting, socket] = arguments
        && role == application::ROLE
    {
        return application::serve(Kind::parse([protocol, workers, counting])?, socket.as_ref());
    }
    if let [role, name, requests, socket] = arguments
        && role == client::ROLE
    {
        return client::run(name, requests.parse().map_err(io::Error::other)?, socket.as_ref());
    }
    if let [role, rest @ ..] = arguments
        && role == php::gateway::ROLE
    {
        return php::gateway::serve(rest);
    }
    let options = Options::parse(arguments)?;
    if options.web_socket {
        println!("{} rounds\n", options.rounds);
    } else if !options.instructions {
        println!("{} rounds of {:.1} s each\n", options.rounds, options.time.as_secs_f64());
    }
    if options.php {
        return php::run(&options);
    }
    if options.client {
        return client_comparison::run(&options);
    }
    if options.web_socket {
        return web_socket::run(&options);
    }
    if options.stack {
        return stack::run(&options);
    }
    if options.nginx {
        return nginx::run(&options);
    }
    if options.instructions {
        instructions::run(&options)?;
        return numbers::count(&options);
    }
    let cores = Cores::pin()?;
    println!("{cores}\n");
    comparisons::run(&options, &cores)?;
    peers::run(&options, &cores)?;
    kept_connections::run(&options, &cores)?;
    workers::run(&options)?;
    numbers::run(&options)?;
    memory::run(&options, &cores)
}
