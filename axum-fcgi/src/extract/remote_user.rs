//! Who the client is, as the web server has it.

use super::extractor::extractor;
use super::lookup::non_empty_str;

/// The name of the user whom the web server authenticated: REMOTE_USER (RFC 3875 §4.1.11).
///
/// **Make sure that the web server does authenticate.** nginx (`$remote_user`) and HAProxy send the name of
/// Basic credentials *unchecked* where no authentication is configured, so that every client is whoever it
/// says it is. In nginx pass the variable only where `auth_basic` is on; behind HAProxy use this extractor only
/// where `http-request auth` guards the path. Apache, lighttpd and Caddy send it only once they have checked
/// it.
///
/// # Rejection
/// [`MissingRemoteUser`](crate::rejection::MissingRemoteUser), a 500, where the web server names nobody, or
/// with something that is no text, or the request did not come over FastCGI. A handler that strangers can
/// reach takes an `Option<RemoteUser>`, which is `None` there.
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
    "the web server names no user: it sends no REMOTE_USER, or the request did not come over FastCGI"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::test_util::{extracted, extracted_from, parts};

    #[test]
    fn nobody_is_named_by_an_empty_name_nor_by_a_header() {
        for (told, user) in [
            (&[("REMOTE_USER", "eve")][..], Some("eve")),
            (&[("REMOTE_USER", "bob"), ("REMOTE_USER", "eve")], Some("eve")),
            (&[("REMOTE_USER", "")], None),
            (&[("HTTP_REMOTE_USER", "eve"), ("HTTP_AUTHORIZATION", "Basic ZXZlOg==")], None),
            (&[], None),
        ] {
            assert_eq!(extracted(told), user.map(|user| RemoteUser(user.to_owned())), "{told:?}");
        }
        assert_eq!(extracted_from::<RemoteUser>(&mut parts(None)), None);
    }

    #[test]
    fn a_name_that_is_no_text_names_nobody() {
        let mut parts = parts(None);
        parts.extensions.insert(tower_fcgi::Params::from_iter([("REMOTE_USER", b"\xff")]));
        assert_eq!(extracted_from::<RemoteUser>(&mut parts), None);
    }
}
