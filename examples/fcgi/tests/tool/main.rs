//! Tests the tool with several applications.
//!
//! Tests that need a program that is not installed, such as Go, are ignored with a reason; with `CI=true` they fail.
//! `UPDATE_CONFORMANCE=1 cargo test -p fcgi --test tool` checks all applications and writes the table in CONFORMANCE.md.

mod application;
mod bench;
mod completions;
mod conformance;
mod dump;
mod flawed;
mod get;
mod peers;
mod proxy;
mod readme;
mod run;
mod status;
mod table;
mod unreachable;
mod values;

use std::process::ExitCode;

fn main() -> ExitCode {
    if table::update_requested() {
        return match table::update() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        };
    }
    let trials = [
        get::trials(),
        status::trials(),
        values::trials(),
        dump::trials(),
        proxy::trials(),
        bench::trials(),
        completions::trials(),
        readme::trials(),
        unreachable::trials(),
        conformance::trials(),
        flawed::trials(),
        vec![table::trial()],
    ];
    test_support::run(trials.into_iter().flatten().collect())
}
