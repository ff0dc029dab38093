//! All that the web server tells.

use std::convert::Infallible;
use std::fmt;
use std::ops::Deref;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

/// The meta-variables of a request (RFC 3875 §4.1), all of them, as the web server sent them.
///
/// Derefs to [`tower_fcgi::Params`]. A clone shares the bytes.
///
/// They are as trustworthy as the web server's configuration: nginx and HAProxy send the *unchecked* name of
/// Basic credentials as REMOTE_USER where no authentication is configured.
///
/// ```
/// use axum_fcgi::Params;
/// async fn handler(params: Params) -> String {
///     params.get_str("DOCUMENT_ROOT").unwrap_or("none").to_owned()
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(handler));
/// ```
///
/// # Rejection
/// [`MissingParams`], a 500, where the request did not come over FastCGI. `Option<Params>` is `None` there.
#[derive(Debug, Clone, Default)]
pub struct Params(tower_fcgi::Params);

impl Deref for Params {
    type Target = tower_fcgi::Params;

    fn deref(&self) -> &tower_fcgi::Params {
        &self.0
    }
}

impl From<tower_fcgi::Params> for Params {
    fn from(params: tower_fcgi::Params) -> Self {
        Self(params)
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Params {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = MissingParams;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, MissingParams> {
        parts.extensions.get::<tower_fcgi::Params>().cloned().map(Self).ok_or(MissingParams)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get::<tower_fcgi::Params>().cloned().map(Self))
    }
}

/// A request that did not come over FastCGI has no [`Params`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingParams;

impl fmt::Display for MissingParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request has no FastCGI params: it did not come through axum_fcgi::serve")
    }
}

impl std::error::Error for MissingParams {}

impl IntoResponse for MissingParams {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.to_string()).into_response()
    }
}
