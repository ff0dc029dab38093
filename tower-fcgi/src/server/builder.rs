//! What a connection is made of.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use super::config::Config;
use super::driver::{Connection, Driver};
use super::handle::{Activity, ConnectionHandle};
use super::response_driver::ResponseDriver;
use super::service::FcgiService;
use super::shutdown::Phase;
use super::timer_table::TimerTable;

/// Makes [`Connection`]s that share their settings.
///
/// ```
/// # use std::convert::Infallible;
/// # use http::{Request, Response};
/// # use tower_fcgi::{Builder, Config, RequestBody};
/// let builder = Builder::new().config(Config::default().serve_half_closed(true));
/// # let (_, io) = tokio::io::duplex(64);
/// # let service = tower::service_fn(async |_: Request<RequestBody>| Ok::<_, Infallible>(Response::new(String::new())));
/// let connection = builder.serve_connection(io, service);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Builder {
    config: Config,
}

impl Builder {
    /// With the default settings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With these settings.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Serves `io` with `service`. Nothing happens until the connection is polled.
    pub fn serve_connection<IO, S>(&self, io: IO, service: S) -> Connection<IO, S>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
        S: FcgiService,
    {
        let driver = Driver {
            io,
            service,
            protocol: fcgi_core::server::Connection::new(Arc::clone(&self.config.protocol)),
            settings: Arc::clone(&self.config.driver),
            running: None,
            spawned: None,
            phase: Phase::Serving,
            input_ended: false,
            unflushed: false,
            written: 0,
            blocked_at: 0,
            begun: 0,
            deadline: TimerTable::default(),
            on_incomplete_response: |_| {},
            activity: Activity::Busy,
            discarding: None,
            spawned_first: false,
            spawned_now: false,
            alone: None,
            handle: ConnectionHandle::new(),
            registered: None,
            span: tracing::debug_span!("fastcgi_connection", peer = tracing::field::Empty),
        };
        Connection { inline: ResponseDriver::Over, driver }
    }
}
