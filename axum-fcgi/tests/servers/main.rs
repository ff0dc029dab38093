//! The same application behind each web server and each way to connect it.
//!
//! `cargo test -p axum-fcgi --test servers` runs each check against each setup; a filter such as `haproxy` or
//! `events` selects some. If a web server is missing, its tests are ignored and say so; with `CI=true` they
//! fail instead. `WEB_SERVERS` limits a run to the listed web servers. `UPDATE_README=1` rewrites README's
//! table of web servers after a run without failures.
//!
//! Each web server has a file with its configuration and its known deviations.

mod apache;
mod application;
mod basics;
mod bodies;
mod caddy;
mod cgi_fcgi;
mod connections;
#[path = "../nginx/data.rs"]
mod data;
mod failures;
mod h2o;
mod haproxy;
mod headers;
#[path = "../nginx/http.rs"]
mod http;
mod lighttpd;
mod line;
mod loopback;
mod nginx;
mod process;
mod readme;
mod runner;
mod semantics;
mod setup;
mod site;
mod streaming;
mod table;

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    if application::is_this() {
        return application::run();
    }
    let arguments = Arguments::from_args();
    runner::silence_panics_on_purpose();
    let (setups, checks) = (table::setups(), table::checks());
    let mut trials = runner::trials(setups.clone(), &checks);
    let update = readme::must_update();
    if !update {
        trials.extend(readme::trials(&setups));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    application::remove_copy();
    if !conclusion.has_failed() && arguments.filter.is_none() {
        readme::record(&setups).expect("the file can be written");
    }
    if update && !conclusion.has_failed() {
        readme::update(&setups).expect("README.md can be written");
    }
    conclusion.exit_code()
}
