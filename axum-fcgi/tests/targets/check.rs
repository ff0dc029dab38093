//! Sends every row to one web server, over FastCGI and over HTTP, and reports errors.

use std::fmt::Display;

use test_support::{Installed, Result};

use crate::application::Application;
use crate::client::send;
use crate::row::{Http, Setup};

pub(crate) fn check(setup: &Setup, installed: &Installed) -> Result {
    let application = Application::start()?;
    let [fastcgi, http, named] = &application.ports;
    let values: [(&str, &dyn Display); 3] = [("9000", fastcgi), ("9001", http), ("9002", named)];
    let server = installed.start(&setup.config, &values)?;
    let mut wrong = Vec::new();
    for row in &setup.rows {
        let run = |protocol: &str| -> Result<Vec<String>> {
            application.seen.take();
            let (status, _) = send(server.port, &format!("{}.{protocol}", row.site), row.sent)?;
            let mut seen = application.seen.take();
            // nginx sends a mirrored request concurrently.
            seen.sort_unstable();
            Ok(if seen.is_empty() { vec![status.to_string()] } else { seen })
        };
        let over_fcgi = run("fcgi")?;
        if over_fcgi != row.fcgi {
            wrong.push(format!("{}: {}: {over_fcgi:?}, not {:?}", row.site, row.sent, row.fcgi));
        }
        if !matches!(row.http, Http::None) {
            for list in setup.other_lists {
                let seen = run(list)?;
                if seen != row.fcgi {
                    wrong.push(format!(
                        "{} with {list}: {}: {seen:?}, not {:?}",
                        row.site, row.sent, row.fcgi
                    ));
                }
            }
        }
        let expected = match row.http {
            Http::Same => row.fcgi,
            Http::Differs(seen) => seen,
            Http::None => continue,
        };
        let over_http = run("http")?;
        if over_http != expected {
            wrong.push(format!("{} over HTTP: {}: {over_http:?}, not {expected:?}", row.site, row.sent));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(format!("{}\n{}", wrong.join("\n"), server.logs()).into()) }
}
