//! All meta-variables.

use std::ops::Deref;

/// All meta-variables of a request (RFC 3875 §4.1), as the web server sent them.
///
/// Derefs to [`tower_fcgi::Params`], which documents what happens if a variable is sent several times. A clone shares the
/// bytes.
///
/// Trust them as far as the web server's configuration: nginx and HAProxy send the *unchecked* name of Basic credentials
/// as REMOTE_USER if no authentication is configured.
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
/// [`MissingParams`](crate::rejection::MissingParams), a 500, if the request did not come over FastCGI. `Option<Params>` is
/// `None` then.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
