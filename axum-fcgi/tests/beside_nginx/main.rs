//! The gateway beside nginx: the same requests to both, with the same php-fpm and the same files. Every difference
//! between the two responses, and between the variables that PHP gets, must be in a table with its reason; a row of the
//! table that no longer occurs is an error, too.
//!
//! `cargo test -p axum-fcgi --features gateway --test beside_nginx` runs it and prints the differences. The tables are
//! those of Debian 12's nginx 1.22 and php-fpm 8.2. Without these programs the test is ignored and says so; with
//! `CI=true` it fails instead.

#[cfg(unix)]
mod case;
#[cfg(unix)]
mod cases;
#[cfg(unix)]
mod client;
#[cfg(unix)]
mod compare;
#[cfg(unix)]
mod difference;
#[cfg(unix)]
mod differences;
#[cfg(unix)]
mod gateway;
#[cfg(unix)]
mod judge;
#[cfg(unix)]
mod nginx;
#[cfg(unix)]
mod response;
#[cfg(unix)]
mod site;

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    test_support::run(judge::trials())
}

#[cfg(not(unix))]
fn main() {}
