//! Requests that two parsers may read differently, sent to a web server byte for byte: contradictory lengths,
//! headers that could become a meta-variable, ambiguous paths.
//!
//! The handler must see exactly what the web server has decided: each request that it sees has one response,
//! and over FastCGI it sees the same requests as behind the same web server over HTTP.
//!
//! `cargo test -p axum-fcgi --test smuggling` sends all cases to nginx and HAProxy. Without the web server a
//! test is ignored and says so; with `CI=true` it fails instead.

mod application;
mod case;
mod client;
mod corpus;
mod judge;
mod setup;

use std::process::ExitCode;

fn main() -> ExitCode {
    let trials = setup::ALL.iter().map(|setup| {
        let name = ["sees_what_the_web_server_has_decided", setup.name].join("/");
        setup.server.trial(&name, |installed| judge::judge(setup, &installed))
    });
    test_support::run(trials.collect())
}
