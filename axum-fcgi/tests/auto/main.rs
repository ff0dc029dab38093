//! `serve_auto` in separate processes: this program again, started in each of the ways.

mod cgi;
mod child;
mod fastcgi;
mod handover;
mod log;
mod program;
mod signals;
mod warnings;
#[path = "../serve/wire.rs"]
mod wire;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    if child::is_one() {
        return program::run();
    }
    let tests = [cgi::TESTS, fastcgi::TESTS, handover::TESTS, signals::TESTS, warnings::TESTS];
    let trials = tests.into_iter().flatten().map(|(name, run)| {
        let run = *run;
        Trial::test(*name, move || {
            run();
            Ok(())
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}
