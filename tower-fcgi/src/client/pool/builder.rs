//! The settings of a pool.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::application::Application;
use super::capacity::PoolCapacity;
use super::connections::PooledConnections;
use super::connector::Connector;
use super::{Pool, PoolState};
use crate::client::config::Config;
use crate::stats::PoolRecorder;

/// The default of [`PoolBuilder::max_size`].
const MAX_SIZE: usize = 512;

/// The settings of a [`Pool`], by [`Pool::builder`].
///
/// ```
/// use std::time::Duration;
/// use tokio::net::UnixStream;
/// use tower_fcgi::client::Pool;
/// # type Body = http_body_util::Empty<bytes::Bytes>;
/// let php: Pool<_, Body> = Pool::builder(|| UnixStream::connect("/run/php/php-fpm.sock"))
///     .max_size(16)
///     .acquire_timeout(Duration::from_secs(10))
///     .build();
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing unless it builds"]
pub struct PoolBuilder<C> {
    connect: C,
    config: Config,
    max_size: usize,
    connect_timeout: Option<Duration>,
    acquire_timeout: Option<Duration>,
    restart_grace: Duration,
}

impl<C> PoolBuilder<C> {
    pub(super) fn new(connect: C) -> Self {
        Self {
            connect,
            config: Config::default(),
            max_size: MAX_SIZE,
            connect_timeout: Some(Duration::from_secs(5)),
            acquire_timeout: None,
            restart_grace: Duration::from_secs(1),
        }
    }

    /// Sets the most connections at once, at least 1. Default: 512.
    ///
    /// Set it to the number of workers of the application, which is how many connections it serves at once: for PHP,
    /// `pm.max_children`. Then a request waits here, where [`acquire_timeout`](Self::acquire_timeout) limits the wait, and
    /// where it leaves the queue if its future is dropped. Further connections wait unnoticed in the application's backlog. A
    /// kept one can occupy the worker that they wait for: see [`Config::with_ready_check`].
    ///
    /// The default suits an application whose workers are not known: php-fpm's backlog has room for 511 connections, and
    /// one more is being served. So the pool alone does not fill it.
    pub fn max_size(mut self, connections: usize) -> Self {
        self.max_size = connections;
        self
    }

    /// Sets the settings of the connections. Default: [`Config::default`].
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sets how long connecting may take. Default: 5 s.
    ///
    /// After that the request fails: see [`ErrorKind::ConnectTimeout`](crate::client::ErrorKind::ConnectTimeout).
    pub fn connect_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.connect_timeout = limit.into();
        self
    }

    /// Sets how long a request may wait while all connections are in use. Default: no limit.
    ///
    /// After that it fails: see [`ErrorKind::AcquireTimeout`](crate::client::ErrorKind::AcquireTimeout).
    pub fn acquire_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.acquire_timeout = limit.into();
        self
    }

    /// Sets for how long after the first failed connect requests wait for an application that is not there. Default: 1 s.
    ///
    /// So a restart of the application that takes no longer fails no request that was not sent yet. Later, requests fail at
    /// once, until a connect succeeds. Zero turns the wait off, as in nginx. It is part of the
    /// [`connect_timeout`](Self::connect_timeout).
    pub fn restart_grace(mut self, grace: Duration) -> Self {
        self.restart_grace = grace;
        self
    }

    /// Builds the pool. It connects with the first request.
    #[must_use]
    pub fn build<B>(self) -> Pool<C, B> {
        let room = Arc::<Notify>::default();
        let capacity = PoolCapacity::new(self.max_size, Arc::clone(&room));
        Pool {
            shared: Arc::new(PoolState {
                connector: Connector::new(self.connect, self.connect_timeout, self.restart_grace),
                config: self.config,
                acquire_timeout: self.acquire_timeout,
                capacity,
                application: Arc::new(Application::new(room)),
                connections: PooledConnections::new(),
                recorder: PoolRecorder::new(),
            }),
        }
    }
}

impl<C> fmt::Debug for PoolBuilder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolBuilder")
            .field("config", &self.config)
            .field("max_size", &self.max_size)
            .field("connect_timeout", &self.connect_timeout)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("restart_grace", &self.restart_grace)
            .finish_non_exhaustive()
    }
}
