//! How a listener is served.

use std::time::Duration;

/// The settings of [`serve`](crate::serve()).
///
/// Whoever can connect is believed: who the client is, who the user is, whether there is TLS. Nothing here changes that;
/// where the listener listens does, and [`AllowListener`](crate::AllowListener). What is bounded is how much a peer can take,
/// by a mistake or for a client: connections and the time of a shutdown here, and all else in
/// [`connection`](Self::connection), each with its default and the reason for it.
///
/// ```
/// use std::time::Duration;
/// let config = axum_fcgi::Config::default().with_max_connections(512).with_shutdown_timeout(Duration::from_secs(10));
/// ```
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) max_connections: usize,
    pub(crate) raise_descriptor_limit: bool,
    pub(crate) shutdown_timeout: Option<Duration>,
    pub(crate) connection: tower_fcgi::Config,
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
    /// Connections that may be open at once. When the next one comes, the one that has been idle for longest
    /// is closed for it; if none is idle, it waits until one ends or turns idle, and so do those behind it, whom the
    /// system keeps in the listener's queue, until the web server's own time is over. Default: 16 384, far more than
    /// web servers open unless they are told to. At least 1.
    ///
    /// Each needs a file descriptor. Where the process may not have so many, fewer connections are kept open: an eighth of
    /// the limit (RLIMIT_NOFILE), at least 32 and at most 1 024, is left to the rest of the program. A line in the log at
    /// `warn` says so. Listeners that are served apart from each other do not know of each other's connections.
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

    /// Whether the soft limit for file descriptors (RLIMIT_NOFILE) is raised as far as
    /// [`max_connections`](Self::max_connections) needs it, where the hard limit allows it. It is the whole process's, and
    /// what the program starts inherits it. Default: yes. systemd and most shells give a program a soft limit of 1 024 and
    /// a hard one of 524 288 or more, for the sake of programs that use `select`, which cannot deal with larger
    /// descriptors; others are meant to raise the soft limit by themselves, as Go's and Node's runtimes do. Say no if a C
    /// library in the program uses `select`.
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

    /// How long a graceful shutdown waits for requests under way. After that their handlers are dropped and
    /// their connections closed. Default: 30 s, which is below the 90 s of systemd's `TimeoutStopSec`.
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

    /// The settings of each connection: limits, timeouts, the [target](tower_fcgi::RequestTarget) of requests and the
    /// [front controllers](tower_fcgi::Config::with_front_controllers). The roles are not among them: those are played that a service was
    /// given for, by [`serve`](crate::serve()), [`with_authorizer`](crate::Serve::with_authorizer) and
    /// [`with_filter`](crate::Serve::with_filter).
    #[must_use]
    pub fn with_connection(mut self, config: tower_fcgi::Config) -> Self {
        self.connection = config;
        self
    }

    /// The settings that [`with_connection`](Self::with_connection) sets.
    #[must_use]
    pub fn connection(&self) -> &tower_fcgi::Config {
        &self.connection
    }
}
