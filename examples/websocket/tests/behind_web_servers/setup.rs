//! The web servers and their configurations.

use libtest_mimic::{Completion, Trial};
use test_support::{Result, Version, WebServer, needs};

/// A web server and its configuration.
#[derive(Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) server: WebServer,
    pub(crate) config: &'static str,
}

pub(crate) const EACH: [Setup; 5] = [
    Setup { server: WebServer::Nginx, config: include_str!("../../nginx.conf") },
    Setup { server: WebServer::Apache, config: include_str!("../../apache.conf") },
    Setup { server: WebServer::Caddy, config: include_str!("../../Caddyfile") },
    Setup { server: WebServer::Haproxy, config: include_str!("../../haproxy.cfg") },
    Setup { server: WebServer::Lighttpd, config: include_str!("../../lighttpd.conf") },
];

/// Ignored behind lighttpd before 1.4.74, even with `CI=true`: Debian 12 has no newer one.
pub(crate) fn trial_behind<T: Send + 'static>(
    server: WebServer,
    name: &str,
    found: std::result::Result<T, String>,
    test: impl FnOnce(T) -> Result + Send + 'static,
) -> Trial {
    let name = format!("{}/{name}", server.program());
    if server == WebServer::Lighttpd
        && let Ok(version) = server.find().map_err(Into::into).and_then(|lighttpd| lighttpd.version())
        && version < Version::from([1, 4, 74])
    {
        let reason = format!("lighttpd {version} carries no upgrades over FastCGI; 1.4.74 and later do");
        return Trial::ignorable_test(name, || Ok(Completion::ignored_with(reason)));
    }
    needs(name, found, |found| test(found).map_err(|error| error.to_string()))
}
