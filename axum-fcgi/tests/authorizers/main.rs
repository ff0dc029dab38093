//! An authorizer behind the web servers that support it: lighttpd (mod_fastcgi) and Apache (mod_authnz_fcgi).
//! Each guards an application that the same call of `axum_fcgi::serve` serves.
//!
//! `cargo test -p axum-fcgi --test authorizers` runs the tests. If a web server is missing, its tests are
//! ignored and say so; with `CI=true` they fail instead.

mod apache;
mod application;
mod client;
mod lighttpd;
mod server;

use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use test_support::{find_program, needs};

/// A test of one web server, with the path of its program.
type Run = fn(&Path) -> Result<(), Failed>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = [
        trial("lighttpd", "allows_denies_and_forwards_variables", lighttpd::allows_denies),
        trial("apache2", "allows_denies_and_forwards_variables", apache::allows_denies),
    ];
    let wanted = trials.into_iter().filter(|(program, _)| test_support::is_wanted(program));
    libtest_mimic::run(&arguments, wanted.map(|(_, trial)| trial).collect()).exit_code()
}

fn trial(program: &'static str, name: &str, run: Run) -> (&'static str, Trial) {
    let trial = needs(format!("{program}/{name}"), find_program(&[program]), move |path| run(&path));
    (program, trial)
}
