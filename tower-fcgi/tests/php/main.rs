//! `client` with a real application, php-fpm: `cargo test -p tower-fcgi --test php`.
//!
//! Ignored without php-fpm; with `CI=true` it fails then.

#[cfg(unix)]
mod fpm;
#[cfg(unix)]
mod requests;

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    use test_support::{PhpFpm, needs};

    let found = PhpFpm::find();
    let trials = requests::ALL
        .iter()
        .map(|(name, run)| needs(*name, found.clone(), |program| requests::perform(&program, *run)));
    test_support::run(trials.collect())
}

#[cfg(not(unix))]
fn main() {}
