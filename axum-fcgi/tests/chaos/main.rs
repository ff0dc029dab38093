//! A web server and an application that are killed, stopped, restarted and left without disk space under
//! load. Whatever happens, a response that looks complete to a client is complete, and is the response to its
//! request.
//!
//! `cargo test -p axum-fcgi --test chaos` runs all tests behind nginx and HAProxy; each test prints the
//! number of good and failed responses. Without the web server a test is ignored and says so; with `CI=true`
//! it fails instead.

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
