//! `fcgi status` and `fcgi ping`: with an application of this workspace, and with php-fpm.

use std::path::Path;

use libtest_mimic::Trial;
use tempfile::TempDir;
use test_support::{PhpFpm, Result, free_port, needs, trial};

use crate::application::Application;
use crate::run::fcgi;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("status/prints_the_page", page),
        trial("status/a_missing_page_exits_with_1", missing),
        trial("ping/counts_the_responses", pings),
        trial("ping/a_5xx_exits_with_1", failing),
        trial("status/unreachable_exits_with_3", unreachable),
        needs("php-fpm/status_and_ping", PhpFpm::find(), |program| php_fpm(&program)),
    ]
}

fn page() -> Result {
    let app = Application::start()?;
    fcgi(&["get", &app.address, "/"])?.exits(0)?;
    let ran = fcgi(&["status", &app.address])?.exits(0)?;
    let has = |line: &str| ran.stdout.lines().any(|other| other == line);
    assert!(has("requests.begun: 2") && has("connections.open.current: 1"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("list.0"), "{}", ran.stdout);
    let ran = fcgi(&["status", &app.address, "/status", "--full"])?.exits(0)?;
    assert!(ran.stdout.contains("\nlist.0.in_flight.0.target: /status?json&full\n"), "{}", ran.stdout);
    let page = fcgi(&["status", &app.address, "--full", "--json"])?.exits(0)?.json()?;
    assert_eq!(
        (&page["requests"]["begun"], &page["requests"]["in_flight"]["current"]),
        (&4.into(), &1.into())
    );
    assert_eq!(page["list"][0]["in_flight"][0]["method"], "GET", "{page}");
    Ok(())
}

fn missing() -> Result {
    let app = Application::start()?;
    let ran = fcgi(&["status", &app.address, "/missing"])?.exits(1)?;
    assert!(ran.stderr.contains("/missing is a 404") && ran.stdout.is_empty(), "{}", ran.stderr);
    let ran = fcgi(&["status", &app.address, "/hello/you"])?.exits(1)?;
    assert!(ran.stderr.contains("is not a status page in JSON"), "{}", ran.stderr);
    Ok(())
}

fn pings() -> Result {
    let app = Application::start()?;
    let ran = fcgi(&["ping", &app.address, "-n", "2", "--interval", "0.01"])?.exits(0)?;
    assert!(ran.stdout.starts_with(&format!("GET_VALUES_RESULT from {}: ", app.address)), "{}", ran.stdout);
    assert!(ran.stdout.contains("\n-- 2 of 2 answered; fastest "), "{}", ran.stdout);
    let ran = fcgi(&["ping", &app.address, "/hello/you", "-n", "1"])?.exits(0)?;
    assert!(ran.stdout.starts_with(&format!("200 from {}: ", app.address)), "{}", ran.stdout);
    Ok(())
}

fn failing() -> Result {
    let app = Application::start()?;
    let ran = fcgi(&["ping", &app.address, "/status/503", "-n", "2", "--interval", "0.01"])?.exits(1)?;
    assert!(ran.stdout.ends_with("\n-- 0 of 2 answered\n"), "{}", ran.stdout);
    fcgi(&["ping", &app.address, "no-slash"])?.exits(2).map(drop)
}

fn unreachable() -> Result {
    let address = format!(":{}", free_port()?);
    for arguments in [&["status", &*address][..], &["ping", &address, "-n", "2", "--interval", "0.01"]] {
        let ran = fcgi(arguments)?.exits(3)?;
        assert!(ran.stderr.contains("nothing listens at this port"), "{}", ran.stderr);
    }
    Ok(())
}

fn php_fpm(program: &Path) -> Result {
    let directory = TempDir::new()?;
    let settings = "pm.status_path = /status\nping.path = /ping\n";
    let fpm = PhpFpm::start(program, directory.path(), 2, settings)?;
    let socket = fpm.socket().display().to_string();
    let ran = fcgi(&["status", &socket, "/status"])?.exits(0)?;
    assert!(ran.stdout.lines().any(|line| line == "pool: www"), "{}", ran.stdout);
    let page = fcgi(&["status", &socket, "--full", "--json"])?.exits(0)?.json()?;
    assert_eq!((&page["active processes"], &page["total processes"]), (&1.into(), &2.into()), "{page}");
    assert!(page["processes"][0]["request uri"].is_string(), "{page}");
    let ran = fcgi(&["ping", &socket, "/ping", "--script", "/ping", "-n", "1"])?.exits(0)?;
    assert!(ran.stdout.starts_with("200 from "), "{}", ran.stdout);
    // php-fpm answers GET_VALUES, too.
    fcgi(&["ping", &socket, "-n", "1"])?.exits(0).map(drop)
}
