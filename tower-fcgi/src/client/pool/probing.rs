//! Probes whether the application takes several requests on a connection.

use std::error::Error as StdError;
use std::io;

use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Pool;
use super::application::Application;
use super::capacity::ConnectionPermit;
use super::connections::PooledConnection;
use super::connector::Patience;
use crate::client::dispatch::Observer as _;
use crate::client::probe::{Probe, ProbeOutcome};

impl<C, F, IO, B> Pool<C, B>
where
    C: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = io::Result<IO>> + Send + 'static,
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    /// Probes the application if a probe is due: over a new connection if a permit is free, because some applications
    /// never reply and requests would wait behind the probe; else over this one.
    pub(super) fn probe(&self, connection: &PooledConnection<B>) {
        let application = &self.shared.application;
        if self.shared.config.max_in_flight() <= 1 || !application.begin_probe() {
            return;
        }
        match self.shared.capacity.try_acquire() {
            Some(permit) => {
                tokio::spawn(self.clone().connect_and_probe(permit));
            }
            None if connection.channel().want_exclusive_probe() => {}
            None => application.on_probe(ProbeOutcome::NotSent),
        }
    }

    /// Opens a connection that is probed before it takes requests.
    async fn connect_and_probe(self, permit: ConnectionPermit) {
        let unreachable = ReportUnreachable { application: &self.shared.application };
        match self.connect(permit, Probe::Wanted { exclusive: true }, Patience::None).await {
            Ok(connection) => {
                self.keep(&connection);
                // From now on the connection reports the outcome.
                std::mem::forget(unreachable);
            }
            Err(error) => tracing::debug!(
                error = &error as &(dyn StdError + 'static),
                "connecting to probe the application failed"
            ),
        }
    }
}

/// Reports on drop that the application was unreachable, also if `connect` panics.
struct ReportUnreachable<'a> {
    application: &'a Application,
}

impl Drop for ReportUnreachable<'_> {
    fn drop(&mut self) {
        self.application.on_probe(ProbeOutcome::Unreachable);
    }
}
