//! The web server's error log.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use tower_fcgi::StderrClosed;

use super::extractor::rejection;
use super::mock_params::MockParams;

/// Writes to the web server's error log: the request's STDERR (FastCGI §5.3).
///
/// A clone writes to the same request. It may be moved into the response's body or into a task; after the end of the
/// request, [`write`](Self::write) returns an error. See [`tower_fcgi::Stderr`].
///
/// Write only a few lines before the head of the response: nginx stores them in the buffer for the head. See
/// [`tower_fcgi::Stderr::write`].
///
/// nginx, Apache, mod_fcgid, lighttpd and H2O write the lines to their error log, and HAProxy with `log-stderr global`.
/// Caddy drops them unless `capture_stderr` is on.
///
/// # Rejection
/// [`MissingStderr`](crate::rejection::MissingStderr), a 500, if the request did not come over FastCGI. `Option<Stderr>` is
/// `None` then. With [`MockParams`](crate::MockParams), the lines are dropped.
///
/// # Examples
/// ```
/// use axum_fcgi::Stderr;
/// async fn handler(stderr: Stderr) -> &'static str {
///     // Do not fail because of the log.
///     let _ = stderr.write("the cache is cold").await;
///     "Hello!"
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(handler));
/// ```
#[derive(Debug, Clone)]
pub struct Stderr(
    /// `None` with `MockParams`.
    Option<tower_fcgi::Stderr>,
);

impl Stderr {
    /// Writes a line.
    ///
    /// The future completes when the line is in the connection's output, before any part of the response that follows. A
    /// line break is added; nothing is escaped: see [`tower_fcgi::Stderr::write`].
    ///
    /// # Errors
    /// [`StderrClosed`] after the end of the request.
    ///
    /// # Cancel safety
    /// If the future is dropped before it completes, the line is usually not written, but it may be.
    pub async fn write(&self, line: impl Into<Vec<u8>>) -> Result<(), StderrClosed> {
        match &self.0 {
            Some(stderr) => stderr.write(line).await,
            None => Ok(()),
        }
    }

    fn from_parts(parts: &Parts) -> Option<Self> {
        match parts.extensions.get::<tower_fcgi::Params>() {
            Some(params) => params.stderr().map(|stderr| Self(Some(stderr))),
            None => parts.extensions.get::<MockParams>().map(|_| Self(None)),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Stderr {
    type Rejection = MissingStderr;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, MissingStderr> {
        Self::from_parts(parts).ok_or(MissingStderr)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Stderr {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Self::Rejection> {
        Ok(Self::from_parts(parts))
    }
}

rejection!(Stderr, MissingStderr, "the request has no STDERR: it did not come over FastCGI");
