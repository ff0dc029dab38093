//! The authentication scheme.

use super::extractor::extractor;
use super::lookup::non_empty_str;

/// The scheme by which the web server authenticated the client: AUTH_TYPE (RFC 3875 §4.1.1), such as `Basic`.
///
/// Compare it without regard to case. Apache and lighttpd send it. nginx has no such variable, Caddy sends it empty, and
/// HAProxy sends `Basic` for credentials that were not checked.
///
/// # Rejection
/// [`MissingAuthType`](crate::rejection::MissingAuthType), a 500, if the web server does not send it, or the request did
/// not come over FastCGI. `Option<AuthType>` is `None` then.
///
/// # Examples
/// ```
/// use axum_fcgi::AuthType;
/// async fn handler(auth_type: Option<AuthType>) -> String {
///     let basic = auth_type.is_some_and(|AuthType(scheme)| scheme.eq_ignore_ascii_case("basic"));
///     format!("By password: {basic}")
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(handler));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AuthType(pub String);

impl AuthType {
    fn from_params(params: &tower_fcgi::Params) -> Option<Self> {
        non_empty_str(params, "AUTH_TYPE").map(Self)
    }
}

extractor!(
    AuthType,
    MissingAuthType,
    "the web server sends no AUTH_TYPE, or the request did not come over FastCGI"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::test_util::extracted;

    #[test]
    fn auth_type_comes_from_its_variable_only() {
        assert_eq!(extracted(&[("AUTH_TYPE", "Basic")]), Some(AuthType("Basic".to_owned())));
        assert_eq!(extracted::<AuthType>(&[("AUTH_TYPE", ""), ("HTTP_AUTH_TYPE", "Basic")]), None);
    }
}
