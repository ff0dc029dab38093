//! The gateway to any FastCGI application and its settings.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::settings::Settings;
use super::shared_settings::shared_settings;
use super::spool::Buffering;

/// A tower service that sends all requests below a path of a [`Router`](axum::Router) to a FastCGI application.
///
/// The application needs no files: SCRIPT_NAME is the path of the mount, and PATH_INFO the rest, decoded. For PHP, see
/// [`PhpGateway`](crate::PhpGateway), whose notes on variables, failures and readiness hold here, too.
///
/// ```no_run
/// use axum::Router;
/// use axum_fcgi::FastCgiGateway;
/// use axum_fcgi::tower_fcgi::client::{Config, Pool};
/// use tokio::net::{TcpListener, TcpStream};
///
/// # async fn run() -> std::io::Result<()> {
/// // Go reads its connections while it works, so they can be kept.
/// let kept = Config::default().with_keep_conn(true).with_ready_check(false);
/// let wiki = Pool::builder(|| TcpStream::connect("127.0.0.1:9000")).config(kept).build();
/// let router = Router::new().nest_service("/wiki", FastCgiGateway::new(wiki));
/// axum::serve(TcpListener::bind("127.0.0.1:8080").await?, router).await
/// # }
/// ```
///
/// # Bodies
/// Bodies stream in both directions, and a request body of unknown length has no CONTENT_LENGTH, unless
/// [`buffering`](Self::buffering) is set. Set it if a slow client must not hold a worker, or a connection, of the application.
#[derive(Clone)]
pub struct FastCgiGateway<S> {
    pub(super) application: S,
    pub(super) settings: Arc<Settings>,
}

impl<S> FastCgiGateway<S> {
    /// Sends all requests below the mount to an application.
    pub fn new(application: S) -> Self {
        Self { application, settings: Arc::default() }
    }

    /// How bodies are buffered, so that slow clients do not hold workers. Default: `None`, bodies stream in both directions.
    #[must_use]
    pub fn buffering(self, buffering: impl Into<Option<Buffering>>) -> Self {
        let buffering = buffering.into();
        self.update(|settings| settings.buffering = buffering)
    }

    shared_settings!();
}

impl<S> fmt::Debug for FastCgiGateway<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FastCgiGateway").field("settings", &self.settings).finish_non_exhaustive()
    }
}
