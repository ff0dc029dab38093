//! [`PhpGateway`](axum_fcgi::PhpGateway) and [`FastCgiGateway`](axum_fcgi::FastCgiGateway) with real applications: php-fpm, Go's `net/http/fcgi`, the C library, and
//! this crate.
//!
//! `cargo test -p axum-fcgi --features gateway --test gateway` runs the tests. If a program is missing, its
//! tests are ignored and say so; with `CI=true` they fail instead.
//!
//! The tests of php-fpm's workers send 10,000 requests, and in the slower of their variants a part of them. With `LOAD=4` or more
//! they send all of them in each variant, and as many to nginx in the same place. Each prints what was lost.

#[cfg(unix)]
mod application;
#[cfg(unix)]
mod client;
#[cfg(unix)]
mod fpm;
#[cfg(unix)]
mod internal_files;
#[cfg(unix)]
mod local_redirects;
#[cfg(unix)]
#[path = "../listen/log.rs"]
mod log;
#[cfg(unix)]
mod peers;
#[cfg(unix)]
mod php;
#[cfg(unix)]
mod php_files;
#[cfg(unix)]
mod php_limits;
#[cfg(unix)]
mod php_releases;
#[cfg(unix)]
mod php_rules;
#[cfg(unix)]
mod php_slow_clients;
#[cfg(unix)]
mod php_traps;
#[cfg(unix)]
mod process;
#[cfg(unix)]
mod responses;
#[cfg(unix)]
mod runner;
#[cfg(unix)]
mod workers;

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    let arguments = libtest_mimic::Arguments::from_args();
    let trials = [
        php::trials(),
        php_files::trials(),
        php_limits::trials(),
        php_releases::trials(),
        php_rules::trials(),
        php_slow_clients::trials(),
        php_traps::trials(),
        internal_files::trials(),
        local_redirects::trials(),
        peers::trials(),
        application::trials(),
        workers::trials(),
        responses::trials(),
    ];
    libtest_mimic::run(&arguments, trials.into_iter().flatten().collect()).exit_code()
}

#[cfg(not(unix))]
fn main() {}
