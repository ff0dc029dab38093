//! Requests that two parsers might read in two ways, sent to a web server byte by byte as they stand in a table: lengths
//! that contradict each other, headers that would be a meta-variable, paths that would be another one.
//!
//! What the handler sees is what the web server has decided, and nothing else: for each request that it sees there is one
//! answer, and over FastCGI it sees the same requests as behind the same web server over HTTP.
//!
//! `cargo test -p axum-fcgi --test smuggling` sends all of it to nginx and HAProxy. Without the web server a test is
//! ignored, and says so; with `CI=true` it fails instead.

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
