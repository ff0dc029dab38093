//! POSTs, which nginx does not retry.

use libtest_mimic::Trial;
use test_support::{Installed, Result, Version, WebServer, trial};

use crate::application::{Application, as_displayed};
use crate::clients::{Body, Request, send};
use crate::{requests, shipped};

const CLIENTS: usize = 16;
const POST: Request<'static> =
    Request { method: "POST", headers: "Content-Type: text/plain\r\n", body: Body::Echoed };

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("shipped_nginx_configs_keep_connections", shipped::all_keep_connections),
        trial("shipped_nginx_configs_have_one_list", shipped::all_have_the_list),
        WebServer::Nginx.trial("keeping_closed_connections_loses_posts", |nginx| closed(&nginx)),
    ];
    for shipped in shipped::files().into_iter().chain(shipped::blocks()) {
        // Without buffering, nginx would put a connection back into the pool after it asked for its close.
        let unbuffered = without_buffering(&shipped.text, KEEP);
        for (how, config) in [("", shipped.text), (", unbuffered", unbuffered)] {
            let name = ["no_post_is_lost", &(shipped.name.clone() + how)].join("/");
            trials.push(WebServer::Nginx.trial(&name, move |nginx| none_is_lost(&nginx, &config)));
        }
    }
    trials
}

/// Without buffering, and with `keep` only.
fn without_buffering(config: &str, keep: &str) -> String {
    config.replace(BUFFERING, "").replace(KEEP, &format!("{keep} fastcgi_buffering off;"))
}

const BUFFERING: &str = "fastcgi_buffering on;";
const KEEP: &str = "fastcgi_keep_conn on;";

fn none_is_lost(nginx: &Installed, config: &str) -> Result {
    let lost = lost(nginx, config, requests(1000))?;
    if lost.is_empty() { Ok(()) } else { Err(format!("{} lost: {lost:?}", lost.len()).into()) }
}

fn lost(nginx: &Installed, config: &str, posts: usize) -> Result<Vec<String>> {
    let application = Application::start()?;
    let values = application.values(config);
    let server = nginx.start(config, &as_displayed(&values))?;
    Ok(send(server.port, CLIENTS, posts, POST))
}

/// The tests above can fail: nginx keeps connections by default from 1.29.7 on, and loses requests on those
/// that it has asked the application to close.
fn closed(nginx: &Installed) -> Result {
    let keeps_by_default = nginx.version()? >= Version::from([1, 29, 7]);
    let shipped =
        shipped::files().into_iter().find(|shipped| shipped.name.contains("hello")).ok_or("no hello")?;
    let closing = without_buffering(&shipped.text, "");
    let kept = if keeps_by_default { "" } else { "keepalive 8;" };
    let config = closing.replace("keepalive 8;", kept);
    // A race: some request is lost within a few hundred.
    for _ in 0..20 {
        if !lost(nginx, &config, 1000)?.is_empty() {
            return Ok(());
        }
    }
    Err("none of 20,000 POSTs was lost".into())
}
