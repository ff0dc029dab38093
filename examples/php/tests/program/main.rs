//! The program as a person starts it, with a php-fpm of its own.

mod balanced;
mod guest_book;
mod lifetime;
mod site;
mod start;

use std::path::PathBuf;
use std::process::ExitCode;

use libtest_mimic::Trial;
use test_support::{PhpFpm, Result, needs};

fn main() -> ExitCode {
    test_support::run(vec![
        trial("a_guest_signs", guest_book::signs),
        trial("sigterm_stops_php_too", lifetime::sigterm),
        trial("ctrl_c_lets_requests_end", lifetime::ctrl_c),
        trial("the_program_ends_with_its_php", lifetime::php_ends),
        trial("php_runs_as_the_owner_of_the_site", start::owner),
        trial("php_never_runs_as_root", start::not_root),
        trial("a_site_is_served_as_expected", start::site),
        trial("a_running_php_is_used", start::running),
        trial("one_of_two_php_fpm_stops", balanced::one_stops),
        test_support::trial("errors_say_what_to_do", start::errors),
    ])
}

/// A test that needs php-fpm.
fn trial(name: &str, test: fn() -> Result) -> Trial {
    needs(name, PhpFpm::find(), move |_: PathBuf| test())
}
