//! Requests on multiplexed connections.

use std::thread;

use libtest_mimic::Trial;
use test_support::{Installed, Result, WebServer};

use crate::application::{Application, as_displayed};
use crate::clients::{Body, Request, send};
use crate::requests;

const CLIENTS: usize = 64;

/// The example's configuration.
const SHIPPED: &str = include_str!("../../../examples/hello/haproxy-multiplexed.cfg");

pub(crate) fn trials() -> Vec<Trial> {
    // HAProxy's default buffer, and the number of requests that the application advertises.
    let advertised = SHIPPED
        .replace("    tune.bufsize 65536\n", "")
        .replace("    option max-reqs 16\n", "    option get-values\n");
    let mut trials = Vec::new();
    for (how, config) in [("multiplexed", SHIPPED.to_owned()), ("multiplexed as advertised", advertised)] {
        for bytes in [500, 2000, 3500] {
            let config = config.clone();
            let name = ["no_request_is_lost", &format!("{how}, heads of {bytes} bytes")].join("/");
            trials
                .push(WebServer::Haproxy.trial(&name, move |haproxy| none_is_lost(&haproxy, &config, bytes)));
        }
    }
    trials.push(WebServer::Haproxy.trial("no_request_is_lost/multiplexed, beside uploads", |haproxy| {
        none_is_lost_beside_uploads(&haproxy)
    }));
    trials
}

fn none_is_lost(haproxy: &Installed, config: &str, bytes: usize) -> Result {
    let application = Application::start()?;
    let values = application.values(config);
    let server = haproxy.start(config, &as_displayed(&values))?;
    let headers = headers(bytes);
    let request = Request { method: "GET", headers: &headers, body: Body::None };
    let lost = send(server.port, CLIENTS, requests(5000), request);
    if lost.is_empty() {
        Ok(())
    } else {
        Err(format!("{} lost, for example {:?}", lost.len(), lost.first()).into())
    }
}

/// STDIN would fill HAProxy's buffer as heads do, so requests with a body have their own connections.
fn none_is_lost_beside_uploads(haproxy: &Installed) -> Result {
    let application = Application::start()?;
    let values = application.values(SHIPPED);
    let server = haproxy.start(SHIPPED, &as_displayed(&values))?;
    let headers = headers(2000);
    let request = |method, body| Request { method, headers: &headers, body };
    let all =
        [request("GET", Body::None), request("POST", Body::Echoed), request("POST", Body::Unread(300_000))];
    let lost: Vec<String> = thread::scope(|scope| {
        let threads =
            all.map(|request| scope.spawn(move || send(server.port, CLIENTS / 4, requests(250), request)));
        threads.into_iter().flat_map(|thread| thread.join().expect("the clients do not panic")).collect()
    });
    if lost.is_empty() {
        Ok(())
    } else {
        Err(format!("{} lost, for example {:?}", lost.len(), lost.first()).into())
    }
}

/// A browser's headers, with a cookie that makes the request's head this long.
fn headers(bytes: usize) -> String {
    const BROWSER: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
        Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
        Accept-Language: en-GB,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\nReferer: http://example.org/app/\r\n";
    let line = "GET /app/12345 HTTP/1.1\r\nHost: example.org\r\nCookie: \r\n\r\n";
    format!("{BROWSER}Cookie: {}\r\n", "c".repeat(bytes.saturating_sub(BROWSER.len() + line.len())))
}
