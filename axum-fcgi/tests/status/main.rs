//! The status page: its numbers, its formats, its layout in Chromium, and Prometheus as its reader; the tables for
//! operators in the deployment notes; and the messages of the libraries.
//!
//! Tests that need Chromium or Prometheus are ignored without it; with `CI=true` they fail.
//! `SCREENSHOTS=DIRECTORY cargo test -p axum-fcgi --all-features --test status` also takes screenshots.

mod browser;
mod formats;
mod numbers;
mod operator_lines;
mod prometheus;
mod quoted_messages;
mod site;
mod sources;
#[path = "../serve/wire.rs"]
mod wire;

use std::process::ExitCode;

fn main() -> ExitCode {
    // A handler's panic on purpose would be printed into the lines of the results.
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref() != Some(&"on purpose") {
            print(panic);
        }
    }));
    let trials = [
        numbers::trials(),
        formats::trials(),
        prometheus::trials(),
        browser::trials(),
        operator_lines::trials(),
        quoted_messages::trials(),
    ];
    test_support::run(trials.into_iter().flatten().collect())
}
