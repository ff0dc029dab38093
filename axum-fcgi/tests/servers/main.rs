//! The same application behind each web server and each way to connect it.
//!
//! `cargo test -p axum-fcgi --test servers` runs each check against each setup; a filter such as `haproxy` or
//! `events` picks some. Where a web server is missing its tests are ignored, and say so; with `CI=true` they
//! fail instead. `WEB_SERVERS` lists those that a run is about. `UPDATE_README=1` writes README's table of web servers anew once all has passed.
//!
//! A web server is a file: its configuration, and what it is known to do otherwise than the others.

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
    let update = readme::is_to_be_updated();
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
