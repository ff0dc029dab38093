//! A web server and an application that are killed, stopped, restarted and left without disk space while clients ask on
//! and on. Whatever happens, an answer that a client takes for whole is whole, and is its own.
//!
//! `cargo test -p axum-fcgi --test chaos` runs all of it behind nginx and HAProxy; each test says how many answers were
//! good and how many failed. Without the web server a test is ignored, and says so; with `CI=true` it fails instead.

mod application;
mod clients;
mod disk;
mod held;
mod http;
mod kinds;
#[path = "../../../examples/soak/src/pattern.rs"]
mod pattern;
mod setup;
mod site;

use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    if arguments.next().as_deref() == Some(application::SERVE) {
        return application::serve(&arguments.next().unwrap_or_default());
    }
    test_support::run(kinds::trials())
}
