//! The settings of `serve`.

use std::time::Duration;

/// The settings of [`serve`](crate::serve()) and [`serve_auto`](crate::serve_auto).
///
/// They limit the number of connections and the time of a shutdown. All other limits on web servers and their clients are
/// in [`connection`](Self::with_connection).
///
/// No setting authenticates the web server: every peer that can connect can claim any client address, any user, and TLS.
/// Limit who can connect by the address to listen on, or with an [`AllowListener`](crate::AllowListener).
///
/// ```
/// use std::time::Duration;
/// let config = axum_fcgi::Config::default().with_max_connections(512).with_shutdown_timeout(Duration::from_secs(10));
/// ```
#[derive(Debug, Clone)]
pub struct Config {
    pub(super) max_connections: usize,
    pub(super) raise_descriptor_limit: bool,
    pub(super) shutdown_timeout: Option<Duration>,
    pub(super) connection: tower_fcgi::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_connections: 16_384,
            raise_descriptor_limit: true,
            shutdown_timeout: Some(Duration::from_secs(30)),
            connection: tower_fcgi::Config::default(),
        }
    }
}

impl Config {
    /// Sets how many connections may be open at once. Default: 16 384, far more than web servers open unless configured to.
    ///
    /// At the limit, a new connection replaces the one that has been idle longest. If none is idle, it waits until one ends
    /// or turns idle; further ones wait in the listener's queue, until the web server times out. The minimum is 1: 0 counts
    /// as 1.
    ///
    /// Each connection needs a file descriptor. An eighth of the process's limit (RLIMIT_NOFILE), at least 32 and at most
    /// 1 024, is reserved for the rest of the program. If the rest is not enough, fewer connections are kept open, and a
    /// `warn` is logged. Each call of `serve` counts only its own connections.
    #[must_use]
    pub fn with_max_connections(mut self, connections: usize) -> Self {
        self.max_connections = if connections == 0 { 1 } else { connections };
        self
    }

    /// The limit that [`with_max_connections`](Self::with_max_connections) sets.
    #[must_use]
    pub fn max_connections(&self) -> usize {
        self.max_connections
    }

    /// Sets whether to raise the soft limit on file descriptors (RLIMIT_NOFILE). Default: yes. Does nothing where there is
    /// no such limit, as on Windows.
    ///
    /// It is raised as far as [`with_max_connections`](Self::with_max_connections) needs it and the hard limit allows. It
    /// applies to the whole process and its children. systemd and most shells set a soft limit of 1 024, for programs that
    /// use `select`, which cannot handle larger descriptors, and a hard limit of 524 288 or more; other programs are
    /// expected to raise the soft limit, as the runtimes of Go and Node do. Turn this off if a C library in the program
    /// uses `select`.
    #[must_use]
    pub fn with_raise_descriptor_limit(mut self, raise: bool) -> Self {
        self.raise_descriptor_limit = raise;
        self
    }

    /// The value that [`with_raise_descriptor_limit`](Self::with_raise_descriptor_limit) sets.
    #[must_use]
    pub fn raise_descriptor_limit(&self) -> bool {
        self.raise_descriptor_limit
    }

    /// Sets how long a graceful shutdown waits for requests in flight. Default: 30 s. `None`: until they complete.
    ///
    /// After that, their handlers are dropped and their connections closed; a `warn` event names each request. The default is
    /// below the 90 s of systemd's `TimeoutStopSec`.
    ///
    /// # Handlers that block their thread
    /// A handler that calls blocking code, or waits for a lock that is never free, cannot be dropped. The future completes all
    /// the same, at most 0.25 s after the timeout, and logs at `error` how many connections it has left behind. It must run
    /// in `block_on` of a multi-thread runtime, as in `#[tokio::main]`, and not in a task: the handlers may block all threads
    /// that run tasks. Afterwards the drop of the runtime waits for the blocked threads: use
    /// [`Runtime::shutdown_background`](tokio::runtime::Runtime::shutdown_background), or end the process.
    ///
    /// [`serve_auto`](crate::serve_auto) ends the process itself, with the status 1, from a thread of its own: about a second
    /// after the timeout. If it has dropped requests, which may have left work in `spawn_blocking`, it does so 5 s after its
    /// future has completed, unless `main` has returned.
    ///
    /// On a `current_thread` runtime, a handler that blocks stops everything: neither the future nor a signal of tokio is
    /// polled until it returns. Only `serve_auto` ends the process there.
    #[must_use]
    pub fn with_shutdown_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.shutdown_timeout = limit.into();
        self
    }

    /// The timeout that [`with_shutdown_timeout`](Self::with_shutdown_timeout) sets.
    #[must_use]
    pub const fn shutdown_timeout(&self) -> Option<Duration> {
        self.shutdown_timeout
    }

    /// Sets the settings of each connection. Default: those of [`tower_fcgi::Config`].
    ///
    /// They are the limits and timeouts, the [target](tower_fcgi::RequestTarget) of requests, and the
    /// [front controllers](tower_fcgi::Config::with_front_controllers). The roles depend on the services: see
    /// [`serve`](crate::serve()), [`with_authorizer`](crate::Serve::with_authorizer) and
    /// [`with_filter`](crate::Serve::with_filter).
    #[must_use]
    pub fn with_connection(mut self, config: tower_fcgi::Config) -> Self {
        self.connection = config;
        self
    }

    /// Logs requests that take longer than `after`, with what they wait for: see
    /// [`tower_fcgi::Config::with_slow_request_log`], which this sets. Default: none. Call it after
    /// [`with_connection`](Self::with_connection).
    #[must_use]
    pub fn with_slow_request_log(mut self, after: impl Into<Option<Duration>>) -> Self {
        self.connection = self.connection.with_slow_request_log(after);
        self
    }

    /// The time that [`with_slow_request_log`](Self::with_slow_request_log) sets.
    #[must_use]
    pub fn slow_request_log(&self) -> Option<Duration> {
        self.connection.slow_request_log()
    }

    /// The settings that [`with_connection`](Self::with_connection) sets.
    #[must_use]
    pub fn connection(&self) -> &tower_fcgi::Config {
        &self.connection
    }
}
