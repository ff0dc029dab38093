//! nginx with the recommended configuration.

use std::fmt::Display;

use test_support::{Installed, Result, Running, free_port};

use crate::case::Setup;
use crate::site::Site;

/// A running nginx with a port for each setup.
pub(crate) struct Nginx {
    server: Running,
    ports: [u16; 2],
}

impl Nginx {
    pub(crate) fn start(installed: &Installed, site: &Site) -> Result<Self> {
        let ports = [free_port()?, free_port()?];
        let [root, parent, socket] =
            [site.root(), site.parent(), site.socket()].map(|path| path.display().to_string());
        let values: &[(&str, &dyn Display)] = &[
            ("8081", &ports[0]),
            ("8082", &ports[1]),
            ("SITE", &root),
            ("PARENT", &parent),
            ("SOCKET", &socket),
        ];
        Ok(Self { server: installed.start(include_str!("nginx.conf"), values)?, ports })
    }

    pub(crate) fn port(&self, setup: Setup) -> u16 {
        match setup {
            Setup::Scripts => self.server.port,
            Setup::FrontController => self.ports[0],
            Setup::Nested => self.ports[1],
        }
    }
}
