//! The disturbances.

use std::thread;
use std::time::Duration;

use libtest_mimic::Trial;
use test_support::{Installed, Result, WebServer};

use crate::clients::CLIENTS;
use crate::disk;
use crate::held::Held;
use crate::setup::{ALL, HAPROXY, Length, MULTIPLEXED, NGINX, Setup};
use crate::site::Site;

/// Disturbances per test.
const ROUNDS: usize = 5;
/// Good responses between two disturbances.
pub(crate) const BETWEEN: usize = 60;
/// Seconds that the application may be silent: no disturbance lasts that long.
pub(crate) const LONG: u32 = 60;
/// The same if requests are to time out. Nothing else silences the application for that long.
const SHORT: u32 = 2;

pub(crate) fn trials() -> Vec<Trial> {
    let kinds: [(&str, Kind, &[Setup]); 4] = [
        ("killed", killed, &ALL),
        ("paused", paused, &[NGINX, HAPROXY]),
        ("timed_out", timed_out, &[NGINX, HAPROXY, MULTIPLEXED]),
        ("web_server_restarted", web_server_restarted, &[NGINX, HAPROXY, MULTIPLEXED]),
    ];
    let mut trials: Vec<_> = kinds
        .into_iter()
        .flat_map(|(name, kind, setups)| setups.iter().map(move |setup| (name, kind, *setup)))
        .map(|(name, kind, setup)| {
            let what = format!("{name}/{}", setup.name);
            let title = format!("{:?}, {what}", setup.server);
            setup.server.trial(&what, move |installed| kind(&installed, setup, &title))
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

/// The application is killed in the middle of responses, and started again.
fn killed(installed: &Installed, setup: Setup, what: &str) -> Result {
    let mut site = Site::start(installed, setup, LONG)?;
    let clients = site.clients();
    for round in 0..ROUNDS {
        clients.wait_for_good(BETWEEN)?;
        let unknown = setup.workload.length == Length::Unknown && round % 2 == 0;
        let length = if unknown { Length::Unknown } else { Length::Declared };
        let held = Held::open(site.server.port, length, &setup)?;
        site.application.kill()?;
        held.expect_incomplete()
            .map_err(|error| format!("{length:?}, killed: {error}\n{}", site.server.logs()))?;
        site.application.restart()?;
    }
    clients.wait_for_good(BETWEEN)?;
    site.assert_recovers(&clients.stop()?, what)
}

/// The application is stopped for less than the web server's timeout: nothing fails.
fn paused(installed: &Installed, setup: Setup, what: &str) -> Result {
    let site = Site::start(installed, setup, LONG)?;
    let clients = site.clients();
    for _ in 0..ROUNDS {
        clients.wait_for_good(BETWEEN)?;
        site.application.pause()?;
        // The sleep is the disturbance, not a wait.
        thread::sleep(Duration::from_millis(200));
        site.application.resume()?;
    }
    clients.wait_for_good(BETWEEN)?;
    let results = clients.stop()?;
    assert_eq!(results.failures(), 0, "{results}\n{}", site.server.logs());
    site.assert_recovers(&results, what)
}

/// The application is stopped until the web server has timed out every request, some of them more than once.
/// The late responses must reach no client.
fn timed_out(installed: &Installed, setup: Setup, what: &str) -> Result {
    let site = Site::start(installed, setup, SHORT)?;
    let clients = site.clients();
    for _ in 0..2 {
        clients.wait_for_good(BETWEEN)?;
        site.application.pause()?;
        clients.wait_for_failures(2 * CLIENTS as usize)?;
        site.application.resume()?;
    }
    clients.wait_for_good(BETWEEN)?;
    site.assert_recovers(&clients.stop()?, what)
}

/// The web server is reloaded, and stopped and started again, in turns.
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
    site.assert_recovers(&clients.stop()?, what)
}
