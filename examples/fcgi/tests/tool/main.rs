//! The tool, run against applications that are known.
//!
//! `cargo test -p fcgi` runs it. What is missing, as Go, is an ignored test, and says so; with `CI=true` it fails instead.
//! `UPDATE_CONFORMANCE=1 cargo test -p fcgi --test tool` checks all that are there, and writes the table in CONFORMANCE.md.

mod application;
mod bench;
mod completions;
mod conformance;
mod dump;
mod flawed;
mod get;
mod nobody;
mod peers;
mod proxy;
mod readme;
mod run;
mod table;
mod values;

use std::process::ExitCode;

fn main() -> ExitCode {
    if table::is_to_be_updated() {
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
        values::trials(),
        dump::trials(),
        proxy::trials(),
        bench::trials(),
        completions::trials(),
        readme::trials(),
        nobody::trials(),
        conformance::trials(),
        flawed::trials(),
        vec![table::trial()],
    ];
    test_support::run(trials.into_iter().flatten().collect())
}
