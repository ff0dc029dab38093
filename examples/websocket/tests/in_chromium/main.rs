//! The chat's page in Chromium, behind each web server.
//!
//! With `SCREENSHOTS=target/screenshots` it also takes screenshots, into that directory of the workspace.

mod page;
#[path = "../behind_web_servers/setup.rs"]
mod setup;
#[path = "../behind_web_servers/site.rs"]
mod site;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::Trial;
use test_support::{Installed, Result, chromium};

use self::setup::{EACH, Setup, trial_behind};
use self::site::Site;

fn main() -> ExitCode {
    let mut trials: Vec<_> =
        EACH.map(|setup| in_chromium(setup, "two_pages_exchange_a_message", page::two_pages)).into();
    trials.push(in_chromium(EACH[0], "the_page_fits_and_is_legible", page::looks));
    test_support::run(trials)
}

fn in_chromium(setup: Setup, name: &str, test: fn(&Path, &Site) -> Result) -> Trial {
    let found = setup.server.find().and_then(|server| Ok((server, chromium::find()?)));
    let start =
        move |(server, browser): (Installed, PathBuf)| test(&browser, &Site::start(&server, setup.config)?);
    trial_behind(setup.server, name, found, start)
}
