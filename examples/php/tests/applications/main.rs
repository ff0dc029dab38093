//! WordPress and DokuWiki, as Debian packages them, in Chromium: served by the example, and by nginx with the configuration
//! that each recommends. Both run their scripts in the same php-fpm. Each step must look the same to the browser.
//!
//! With `SCREENSHOTS=target/screenshots` it also takes screenshots, into that directory of the workspace.

mod copies;
mod dokuwiki;
mod mariadb;
mod observer;
#[path = "../program/site.rs"]
mod site;
mod visit;
mod wordpress;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::Trial;
use test_support::{Installed, PhpFpm, Result, WebServer, chromium, find_program, needs};

fn main() -> ExitCode {
    test_support::run(vec![
        trial("wordpress_is_as_behind_nginx", wordpress::PACKAGE, wordpress::compare),
        trial("dokuwiki_is_as_behind_nginx", dokuwiki::PACKAGE, dokuwiki::compare),
    ])
}

/// The programs of a test.
#[derive(Debug)]
struct Programs {
    nginx: Installed,
    chromium: PathBuf,
}

fn trial(name: &str, package: &'static str, test: fn(&Programs) -> Result) -> Trial {
    needs(name, programs(package), move |programs| test(&programs).map_err(|error| error.to_string()))
}

fn programs(package: &str) -> std::result::Result<Programs, String> {
    PhpFpm::find()?;
    if !Path::new(package).is_dir() {
        return Err(format!("no {package}"));
    }
    if package == wordpress::PACKAGE {
        find_program(&["mariadbd"])?;
    }
    Ok(Programs { nginx: WebServer::Nginx.find()?, chromium: chromium::find()? })
}
