//! `client` with a real application, php-fpm: `cargo test -p tower-fcgi --test php`.
//!
//! Ignored without php-fpm; with `CI=true` it fails then.

#[cfg(unix)]
mod fpm;
#[cfg(unix)]
mod requests;

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    use libtest_mimic::{Arguments, Completion, Trial};

    let found = fpm::find();
    let must_run = std::env::var("CI").is_ok_and(|ci| ci == "true");
    let trials = requests::ALL.iter().map(|(name, run)| {
        let found = found.clone();
        Trial::ignorable_test(*name, move || match found {
            Some(program) => requests::perform(&program, *run).map(|()| Completion::Completed),
            None if must_run => Err("no php-fpm, and CI=true".into()),
            None => Ok(Completion::ignored_with("no php-fpm in PATH or /usr/sbin")),
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

#[cfg(not(unix))]
fn main() {}
