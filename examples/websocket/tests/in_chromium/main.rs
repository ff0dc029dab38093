//! The chat's page in Chromium, behind each web server.
//!
//! With `SCREENSHOTS=target/screenshots` it also takes screenshots, into that directory of the workspace.

mod page;
#[path = "../behind_web_servers/setup.rs"]
mod setup;
#[path = "../behind_web_servers/site.rs"]
mod site;

use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::Trial;
use test_support::{Result, chromium, needs};

use self::setup::{EACH, Setup};
use self::site::Site;

fn main() -> ExitCode {
    let mut trials: Vec<_> =
        EACH.map(|setup| in_chromium(setup, "two_pages_exchange_a_message", page::two_pages)).into();
    trials.push(in_chromium(EACH[0], "the_page_fits_and_is_legible", page::looks));
    test_support::run(trials)
}

fn in_chromium(setup: Setup, name: &str, test: fn(&Path, &Site) -> Result) -> Trial {
    match chromium::find() {
        Ok(browser) => setup.trial(name, move |server| test(&browser, &Site::start(&server, setup.config)?)),
        Err(missing) => needs(format!("{}/{name}", setup.server.program()), Err::<(), _>(missing), |()| {
            Ok::<_, String>(())
        }),
    }
}
