//! What is done to those who serve.

use std::thread;
use std::time::Duration;

use libtest_mimic::Trial;
use test_support::{Installed, Result, WebServer};

use crate::clients::CLIENTS;
use crate::disk;
use crate::held::Held;
use crate::setup::{ALL, HAPROXY, Length, MULTIPLEXED, NGINX, Setup};
use crate::site::Site;

/// How often it is done.
const ROUNDS: usize = 5;
/// Good answers in between.
pub(crate) const BETWEEN: usize = 60;
/// Seconds that the application may be silent: nothing that is done lasts so long.
pub(crate) const LONG: u32 = 60;
/// The same where it is to be given up. Nothing else keeps it from saying something for so long.
const SHORT: u32 = 2;

pub(crate) fn trials() -> Vec<Trial> {
    let kinds: [(&str, Kind, &[Setup]); 4] = [
        ("killed", killed, &ALL),
        ("paused", paused, &[NGINX, HAPROXY]),
        ("given_up", given_up, &[NGINX, HAPROXY, MULTIPLEXED]),
        ("web_server_restarted", web_server_restarted, &[NGINX, HAPROXY, MULTIPLEXED]),
    ];
    let mut trials: Vec<_> = kinds
        .into_iter()
        .flat_map(|(name, kind, setups)| setups.iter().map(move |setup| (name, kind, *setup)))
        .map(|(name, kind, setup)| {
            let what = format!("{name}/{}", setup.name);
            let told = format!("{:?}, {what}", setup.server);
            setup.server.trial(&what, move |installed| kind(&installed, setup, &told))
        })
        .collect();
    trials.push(WebServer::Nginx.trial("file_size_limited", |nginx| disk::limited(&nginx)));
    trials.push(match disk::private_mounts() {
        Ok(by) => WebServer::Nginx.trial("disk_full", move |nginx| disk::full(&nginx, by)),
        Err(reason) => Trial::ignorable_test("nginx/disk_full", move || {
            Ok(libtest_mimic::Completion::ignored_with(reason))
        }),
    });
    trials
}

type Kind = fn(&Installed, Setup, &str) -> Result;

/// The application is killed in the middle of answers, and started again.
fn killed(installed: &Installed, setup: Setup, what: &str) -> Result {
    let mut site = Site::start(installed, setup, LONG)?;
    let clients = site.clients();
    for round in 0..ROUNDS {
        clients.wait_for_good(BETWEEN)?;
        let unknown = setup.clientele.longest_tale == Length::Unknown && round % 2 == 0;
        let length = if unknown { Length::Unknown } else { Length::Declared };
        let held = Held::open(site.server.port, length)?;
        site.application.kill()?;
        held.expect_cut().map_err(|error| format!("{length:?}, killed: {error}\n{}", site.server.logs()))?;
        site.application.revive()?;
    }
    clients.wait_for_good(BETWEEN)?;
    site.settles(&clients.stop()?, what)
}

/// The application is stopped for a while that the web server is willing to wait: nothing fails.
fn paused(installed: &Installed, setup: Setup, what: &str) -> Result {
    let site = Site::start(installed, setup, LONG)?;
    let clients = site.clients();
    for _ in 0..ROUNDS {
        clients.wait_for_good(BETWEEN)?;
        site.application.pause()?;
        // The disturbance itself, rather than a wait for something.
        thread::sleep(Duration::from_millis(200));
        site.application.go_on()?;
    }
    clients.wait_for_good(BETWEEN)?;
    let told = clients.stop()?;
    assert_eq!(told.failures(), 0, "{told}\n{}", site.server.logs());
    site.settles(&told, what)
}

/// The application is stopped until the web server has given up each request, some of them more than once. What it then
/// answers to those that are gone reaches nobody.
fn given_up(installed: &Installed, setup: Setup, what: &str) -> Result {
    let site = Site::start(installed, setup, SHORT)?;
    let clients = site.clients();
    for _ in 0..2 {
        clients.wait_for_good(BETWEEN)?;
        site.application.pause()?;
        clients.wait_for_failures(2 * CLIENTS as usize)?;
        site.application.go_on()?;
    }
    clients.wait_for_good(BETWEEN)?;
    site.settles(&clients.stop()?, what)
}

/// The web server is replaced by itself, and ended at once and started again, in turns.
fn web_server_restarted(installed: &Installed, setup: Setup, what: &str) -> Result {
    let mut site = Site::start(installed, setup, LONG)?;
    let clients = site.clients();
    for _ in 0..ROUNDS {
        clients.wait_for_good(BETWEEN)?;
        site.server.reload()?;
        clients.wait_for_good(BETWEEN)?;
        site.server.restart()?;
    }
    clients.wait_for_good(BETWEEN)?;
    site.settles(&clients.stop()?, what)
}
