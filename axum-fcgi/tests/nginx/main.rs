//! axum behind a real nginx. Every case has its own application, served by `axum_fcgi::serve`, and its own
//! nginx in front of it, which an HTTP client asks.
//!
//! `cargo test -p axum-fcgi --test nginx` runs all cases in parallel; a filter such as `get/keep=on` selects
//! some. Without nginx the tests are ignored and say so; with `CI=true` they fail instead.

mod basics;
mod bodies;
mod client_address;
mod clients;
mod connections;
mod data;
mod facts;
mod failures;
mod forgetful;
mod hang_up;
mod headers;
mod http;
mod like_proxy_pass;
mod load;
mod log;
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
mod slow_clients;
mod streaming;
mod table;
mod wrong_pass;

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    runner::silence_panics_on_purpose();
    let trials = if test_support::is_wanted("nginx") { runner::trials(&table::cases()) } else { Vec::new() };
    libtest_mimic::run(&arguments, trials).exit_code()
}
