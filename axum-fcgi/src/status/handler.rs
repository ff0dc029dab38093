//! The handler of the status page.

use std::fmt;
use std::future::{Ready, ready};
#[cfg(feature = "gateway")]
use std::sync::Arc;

use axum::extract::Request;
use axum::handler::Handler;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use tower_fcgi::Stats;
#[cfg(feature = "gateway")]
use tower_fcgi::stats::PoolSnapshot;

use super::format::{Format, View};
use super::report::Report;
use super::{metrics, page};

/// The page needs its own style, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// A handler that shows the numbers of a [`Stats`]: as a page, as JSON, or as OpenMetrics text for Prometheus.
///
/// ```no_run
/// use axum::{Router, routing::get};
/// use axum_fcgi::{Stats, status};
/// use tokio::net::TcpListener;
///
/// # async fn run(router: Router) -> std::io::Result<()> {
/// let stats = Stats::new();
/// // A listener of its own: it answers when all connections to the application are taken, and only this machine can
/// // reach it.
/// let page = Router::new().route("/status", get(status(stats.clone())));
/// let listener = TcpListener::bind("127.0.0.1:9090").await?;
/// tokio::spawn(async move { axum::serve(listener, page).await });
///
/// let listener = TcpListener::bind("127.0.0.1:9000").await?;
/// axum_fcgi::serve(listener, router).with_stats(stats).await
/// # }
/// ```
///
/// # Formats
/// The query chooses the format, else the `Accept` header, else it is OpenMetrics:
///
/// | query | `Accept` | what |
/// | --- | --- | --- |
/// | `html` | `text/html` | a page for a person |
/// | `json` | `application/json` | the [`Snapshot`](crate::Snapshot), serialized |
/// | `openmetrics` | `application/openmetrics-text`, `text/plain` | [OpenMetrics 1.0](https://prometheus.io/docs/specs/om/open_metrics_spec/) |
///
/// `full` adds each open connection and each request in flight to the page and the JSON: its age, state, method, target, peer
/// and bytes. Another query is a 400.
///
/// # Security
/// **Show it to operators only.** `full` has the targets of all clients, which can contain secrets, and their addresses. The
/// handler is never part of a Router unless you add it. It is not protected by itself.
#[must_use]
pub fn status(stats: Stats) -> Status {
    Status {
        stats,
        #[cfg(feature = "gateway")]
        pools: Vec::new(),
    }
}

/// The handler that [`status`] returns.
#[derive(Clone)]
pub struct Status {
    stats: Stats,
    #[cfg(feature = "gateway")]
    pools: Vec<NamedPool>,
}

#[cfg(feature = "gateway")]
#[derive(Clone)]
struct NamedPool {
    name: String,
    snapshot: Arc<dyn Fn() -> PoolSnapshot + Send + Sync>,
}

impl Status {
    /// Adds the numbers of a pool of connections to an application, such as php-fpm. `name` distinguishes several.
    ///
    /// ```
    /// use axum_fcgi::{Stats, status, tower_fcgi::client::Pool};
    /// # use tokio::net::UnixStream;
    /// # type Body = axum::body::Body;
    /// let fpm: Pool<_, Body> = Pool::builder(|| UnixStream::connect("/run/php/php-fpm.sock")).build();
    /// let pool = fpm.clone();
    /// let page = status(Stats::new()).with_pool("php", move || pool.stats());
    /// ```
    #[cfg(feature = "gateway")]
    #[must_use]
    pub fn with_pool(
        mut self,
        name: impl Into<String>,
        snapshot: impl Fn() -> PoolSnapshot + Send + Sync + 'static,
    ) -> Self {
        self.pools.push(NamedPool { name: name.into(), snapshot: Arc::new(snapshot) });
        self
    }

    fn respond(&self, uri: &Uri, headers: &HeaderMap) -> Response {
        let view = match View::parse(uri.query().unwrap_or_default(), headers) {
            Ok(view) => view,
            Err(unknown) => {
                let text = format!("unknown query {unknown:?}: use html, json, openmetrics or full\n");
                return (StatusCode::BAD_REQUEST, text).into_response();
            }
        };
        let report = self.report(view.full);
        let (content_type, body) = match view.format {
            Format::Html => ("text/html; charset=utf-8", Ok(page::render(&report).into_string())),
            Format::Json => ("application/json", serde_json::to_string_pretty(&report).map_err(drop)),
            Format::OpenMetrics => (metrics::CONTENT_TYPE, metrics::encode(report).map_err(drop)),
        };
        // Neither fails: all keys are strings, and the text grows in memory.
        let Ok(body) = body else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
        let headers = [
            (CONTENT_TYPE, content_type),
            (CACHE_CONTROL, "no-store"),
            (VARY, "accept"),
            (CONTENT_SECURITY_POLICY, POLICY),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        (headers, body).into_response()
    }

    fn report(&self, full: bool) -> Report {
        Report {
            version: env!("CARGO_PKG_VERSION"),
            snapshot: self.stats.snapshot(),
            #[cfg(feature = "gateway")]
            pools: self.pools.iter().map(|pool| (pool.name.clone(), (pool.snapshot)())).collect(),
            list: full.then(|| self.stats.connections()),
        }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Status").finish_non_exhaustive()
    }
}

impl<S> Handler<(), S> for Status {
    type Future = Ready<Response>;

    fn call(self, request: Request, _: S) -> Ready<Response> {
        ready(self.respond(request.uri(), request.headers()))
    }
}
