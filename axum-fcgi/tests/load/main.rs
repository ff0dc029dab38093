//! Many requests through each configuration in the examples and the documentation: none may be lost.
//!
//! `cargo test -p axum-fcgi --test load` sends a twentieth of them; with `LOAD=20` it sends all: 20,000 POSTs
//! through each nginx and 100,000 GETs through each HAProxy. Without the web server a test is ignored and
//! says so; with `CI=true` it fails instead.

mod application;
mod clients;
mod haproxy;
mod nginx;
mod shipped;

use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    test_support::run(nginx::trials().into_iter().chain(haproxy::trials()).collect())
}

/// The number of requests to send; `twentieth` is a twentieth of the full run.
fn requests(twentieth: usize) -> usize {
    let times = env::var("LOAD").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    twentieth.saturating_mul(times)
}
