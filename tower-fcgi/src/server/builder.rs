//! Makes connections that share their settings.

use std::sync::Arc;

use fcgi_core::Roles;
use tokio::io::{AsyncRead, AsyncWrite};

use super::config::Config;
use super::connection::Connection;
use super::service::FcgiService;
use crate::stats::Stats;

/// A builder of [`Connection`]s that share their settings.
///
/// ```
/// # use std::convert::Infallible;
/// # use http::{Request, Response};
/// # use tower_fcgi::{Builder, Config, RequestBody};
/// let builder = Builder::new().with_config(Config::default().with_half_close(true));
/// # let (_, io) = tokio::io::duplex(64);
/// # let service = tower::service_fn(async |_: Request<RequestBody>| Ok::<_, Infallible>(Response::new(String::new())));
/// let connection = builder.serve_connection(io, service);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Builder {
    /// The settings. Their `protocol` also holds the roles and the number of connections, for which `Config` has no setters.
    config: Config,
    stats: Option<Stats>,
}

impl Builder {
    /// A builder with the default settings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the settings of the connections.
    #[must_use]
    pub fn with_config(mut self, config: Config) -> Self {
        let (roles, connections) = (self.roles(), self.advertised_max_connections());
        self.config = config;
        self.with_roles(roles).with_advertised_max_connections(connections)
    }

    /// The settings that [`with_config`](Self::with_config) sets.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Sets the roles of the service (FastCGI §6). Default: Responder.
    ///
    /// A request for another role is answered with UNKNOWN_ROLE (§5.5), and does not reach the service. A service with several
    /// roles distinguishes them by [`Params::role`](crate::Params::role). Do not add Authorizer to a service that only serves
    /// pages: every page with a `200` would allow a request (§6.3).
    #[must_use]
    pub fn with_roles(mut self, roles: Roles) -> Self {
        Arc::make_mut(&mut self.config.protocol).roles = roles;
        self
    }

    /// The roles that [`with_roles`](Self::with_roles) sets.
    #[must_use]
    pub fn roles(&self) -> Roles {
        self.config.protocol.roles
    }

    /// Sets the number of connections that is reported to web servers which query `FCGI_MAX_CONNS` (FastCGI §4.1). Default:
    /// 1 024.
    ///
    /// It is not enforced here: limit the number of accepted connections yourself.
    #[must_use]
    pub fn with_advertised_max_connections(mut self, connections: u32) -> Self {
        Arc::make_mut(&mut self.config.protocol).max_conns = connections;
        self
    }

    /// The number that [`with_advertised_max_connections`](Self::with_advertised_max_connections) sets.
    #[must_use]
    pub fn advertised_max_connections(&self) -> u32 {
        self.config.protocol.max_conns
    }

    /// Counts what the connections do. Default: nothing is counted.
    #[must_use]
    pub fn with_stats(mut self, stats: Stats) -> Self {
        self.stats = Some(stats);
        self
    }

    /// The numbers that [`with_stats`](Self::with_stats) sets.
    #[must_use]
    pub const fn stats(&self) -> Option<&Stats> {
        self.stats.as_ref()
    }

    /// Makes a connection that serves `io` with `service`. It does nothing until it is polled.
    pub fn serve_connection<IO, S>(&self, io: IO, service: S) -> Connection<IO, S>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
        S: FcgiService,
    {
        Connection::with_config(io, service, &self.config, self.stats.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_keeps_roles_and_advertised_numbers() {
        let builder = Builder::new().with_roles(Roles::ALL).with_advertised_max_connections(7);
        let builder =
            builder.with_config(Config::default().with_advertised_max_requests(9).with_half_close(true));
        assert_eq!(builder.roles(), Roles::ALL);
        assert_eq!(builder.advertised_max_connections(), 7);
        assert_eq!(builder.config().advertised_max_requests(), 9);
        assert!(builder.config().half_close());
    }
}
