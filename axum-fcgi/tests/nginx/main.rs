//! axum behind a real nginx: every case is an application of its own, served by `axum_fcgi::serve`, with an
//! nginx of its own in front of it, and asked over HTTP.
//!
//! `cargo test -p axum-fcgi --test nginx` runs all of it, in parallel; a filter such as `get/keep=on` picks
//! some. Without nginx the tests are ignored, and say so; with `CI=true` they fail instead.

mod basics;
mod bodies;
mod client_address;
mod connections;
mod data;
mod facts;
mod failures;
mod forgetful;
mod hang_up;
mod headers;
mod http;
mod load;
mod matrix;
mod nginx;
mod prefix;
mod runner;
mod same_as_http;
mod same_extractors;
mod same_files;
mod same_layers;
mod seed;
mod shutdown;
mod signals;
mod site;
mod streaming;
mod table;

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    runner::silence_panics_on_purpose();
    let trials = if test_support::is_wanted("nginx") { runner::trials(&table::cases()) } else { Vec::new() };
    libtest_mimic::run(&arguments, trials).exit_code()
}
