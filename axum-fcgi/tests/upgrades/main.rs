//! WebSockets through real web servers: over FastCGI and CGI behind lighttpd, and what the web servers do that cannot
//! carry them.
//!
//! `cargo test -p axum-fcgi --test upgrades` runs the tests. If a web server is missing, its tests are ignored and say so; with
//! `CI=true` they fail instead. The tests of FastCGI are ignored before lighttpd 1.4.74, which has no upgrades.

mod application;
mod client;
mod lighttpd;
mod unsupported;

use std::process::ExitCode;

fn main() -> ExitCode {
    if application::is_this() {
        return application::run();
    }
    let mut trials = lighttpd::trials();
    trials.extend(unsupported::trials());
    test_support::run(trials)
}
