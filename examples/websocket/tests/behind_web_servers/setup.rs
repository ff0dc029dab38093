//! The web servers and their configurations.

use libtest_mimic::Trial;
use test_support::{Installed, Result, WebServer};

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

impl Setup {
    /// A test behind this web server.
    pub(crate) fn trial(self, name: &str, test: impl FnOnce(Installed) -> Result + Send + 'static) -> Trial {
        match self.server {
            WebServer::Lighttpd => self.server.trial_since(&FIRST_LIGHTTPD.into(), name, test),
            _ => self.server.trial(name, test),
        }
    }
}

/// The first version of lighttpd that carries upgrades over FastCGI. Debian 12 has none.
const FIRST_LIGHTTPD: [u32; 3] = [1, 4, 74];
