//! How a listener is served.

use std::time::Duration;

/// The settings of [`serve`](crate::serve()).
///
/// Whoever can connect is believed: who the client is, who the user is, whether there is TLS. Nothing here changes that;
/// where the listener listens does, and [`Allowed`](crate::Allowed). What is bounded is how much a peer can take,
/// by a mistake or for a client: connections and the time of a shutdown here, and all else in
/// [`connection`](Self::connection), each with its default and the reason for it.
///
/// ```
/// use std::time::Duration;
/// let config = axum_fcgi::Config::default().max_connections(512).shutdown_timeout(Duration::from_secs(10));
/// ```
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) with_max_connections: usize,
    pub(crate) with_raised_descriptor_limit: bool,
    pub(crate) with_shutdown_timeout: Duration,
    pub(crate) with_connection: tower_fcgi::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            with_max_connections: 16_384,
            with_raised_descriptor_limit: true,
            with_shutdown_timeout: Duration::from_secs(30),
            with_connection: tower_fcgi::Config::default(),
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
    pub const fn max_connections(mut self, connections: usize) -> Self {
        self.with_max_connections = if connections == 0 { 1 } else { connections };
        self
    }

    /// Whether the soft limit for file descriptors (RLIMIT_NOFILE) is raised as far as
    /// [`max_connections`](Self::max_connections) needs it, where the hard limit allows it. It is the whole process's, and
    /// what the program starts inherits it. Default: yes. systemd and most shells give a program a soft limit of 1 024 and
    /// a hard one of 524 288 or more, for the sake of programs that use `select`, which cannot deal with larger
    /// descriptors; others are meant to raise the soft limit by themselves, as Go's and Node's runtimes do. Say no if a C
    /// library in the program uses `select`.
    #[must_use]
    pub const fn raise_descriptor_limit(mut self, raise: bool) -> Self {
        self.with_raised_descriptor_limit = raise;
        self
    }

    /// How long a graceful shutdown waits for requests under way. After that their handlers are dropped and
    /// their connections closed. Default: 30 s, which is below the 90 s of systemd's `TimeoutStopSec`.
    #[must_use]
    pub const fn shutdown_timeout(mut self, limit: Duration) -> Self {
        self.with_shutdown_timeout = limit;
        self
    }

    /// The settings of each connection: limits, timeouts, the [target](tower_fcgi::RequestTarget) of requests and the
    /// [front controllers](tower_fcgi::Config::front_controllers). The roles are not among them: those are played that a service was
    /// given for, by [`serve`](crate::serve()), [`with_authorizer`](crate::Serve::with_authorizer) and
    /// [`with_filter`](crate::Serve::with_filter).
    #[must_use]
    pub fn connection(mut self, config: tower_fcgi::Config) -> Self {
        self.with_connection = config;
        self
    }
}
