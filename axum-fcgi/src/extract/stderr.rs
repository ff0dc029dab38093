//! The web server's error log.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use tower_fcgi::StderrClosed;

use super::extractor::rejection;
use super::mock_params::MockParams;

/// Writes lines to the web server's error log, beside the request that they are about: the request's STDERR
/// (FastCGI §5.3).
///
/// A clone writes to the same request. It may be moved into the response's body, or into a task: once the
/// request is over, [`write`](Self::write) is an error. See [`tower_fcgi::Stderr`].
///
/// A few lines are in place anywhere; many, only once the answer's head is out: nginx has no more than the
/// head's buffer for those that come before. See [`tower_fcgi::Stderr::write`].
///
/// Where the lines go: nginx, Apache, mod_fcgid, lighttpd and H2O write them to their error log; HAProxy does
/// with `log-stderr global`; Caddy drops them unless `capture_stderr` is on.
///
/// # Rejection
/// [`MissingStderr`](crate::rejection::MissingStderr), a 500, where the request did not come over FastCGI.
/// `Option<Stderr>` is `None` there. With [`MockParams`] there is one that drops its lines.
///
/// # Examples
/// ```
/// use axum_fcgi::Stderr;
/// async fn handler(stderr: Stderr) -> &'static str {
///     // A log that cannot be written to is no reason to fail.
///     let _ = stderr.write("the cache is cold").await;
///     "Hello!"
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(handler));
/// ```
#[derive(Debug, Clone)]
pub struct Stderr(
    /// `None` in tests, where nobody has a log.
    Option<tower_fcgi::Stderr>,
);

impl Stderr {
    /// Writes a line, and waits until it has its place in the connection's output: before all of the answer
    /// that is given after that. A line break is added, and nothing is escaped: see
    /// [`tower_fcgi::Stderr::write`].
    ///
    /// # Errors
    /// [`StderrClosed`] once the request is over.
    ///
    /// # Cancel safety
    /// A line whose future is dropped before it is ready is mostly not written, but it may be.
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
