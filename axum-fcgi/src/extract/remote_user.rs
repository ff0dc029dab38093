//! The authenticated user.

use super::extractor::extractor;
use super::lookup::non_empty_str;

/// The user that the web server authenticated: REMOTE_USER (RFC 3875 §4.1.11).
///
/// **Make sure that the web server authenticates.** If no authentication is configured, nginx (`$remote_user`) and HAProxy
/// send the name of Basic credentials *unchecked*, so that a client can claim to be anyone. In nginx, pass the variable
/// only where `auth_basic` is on; behind HAProxy, use this extractor only where `http-request auth` guards the path.
/// Apache, lighttpd and Caddy send only names that they have checked.
///
/// # Rejection
/// [`MissingRemoteUser`](crate::rejection::MissingRemoteUser), a 500, if the web server sends no user, or one that is not
/// UTF-8, or the request did not come over FastCGI. `Option<RemoteUser>` is `None` then: use it if unauthenticated clients
/// can reach the handler.
///
/// # Examples
/// ```
/// use axum_fcgi::RemoteUser;
/// async fn handler(user: Option<RemoteUser>) -> String {
///     user.map_or("Who are you?".to_owned(), |RemoteUser(name)| format!("Hello, {name}!"))
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(handler));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RemoteUser(pub String);

impl RemoteUser {
    fn from_params(params: &tower_fcgi::Params) -> Option<Self> {
        non_empty_str(params, "REMOTE_USER").map(Self)
    }
}

extractor!(
    RemoteUser,
    MissingRemoteUser,
    "no user is authenticated: the web server sends no REMOTE_USER, or the request did not come over FastCGI"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::test_util::{extracted, extracted_from, parts};

    #[test]
    fn an_empty_name_or_a_header_is_no_user() {
        for (sent, user) in [
            (&[("REMOTE_USER", "eve")][..], Some("eve")),
            (&[("REMOTE_USER", "bob"), ("REMOTE_USER", "eve")], Some("eve")),
            (&[("REMOTE_USER", "")], None),
            (&[("HTTP_REMOTE_USER", "eve"), ("HTTP_AUTHORIZATION", "Basic ZXZlOg==")], None),
            (&[], None),
        ] {
            assert_eq!(extracted(sent), user.map(|user| RemoteUser(user.to_owned())), "{sent:?}");
        }
        assert_eq!(extracted_from::<RemoteUser>(&mut parts(None)), None);
    }

    #[test]
    fn a_name_that_is_not_utf8_is_no_user() {
        let mut parts = parts(None);
        parts.extensions.insert(tower_fcgi::Params::from_iter([("REMOTE_USER", b"\xff")]));
        assert_eq!(extracted_from::<RemoteUser>(&mut parts), None);
    }
}
