//! An Authorizer's permission.

use axum::http::StatusCode;
use axum::http::header::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};

/// An Authorizer's permission (FastCGI §6.3): the web server may go on with the request.
///
/// See [`Serve::with_authorizer`](crate::Serve::with_authorizer). It can pass variables on to the authorized request, whose
/// handler finds them in its [`Params`](crate::Params).
///
/// Only this type allows a request. The web server sends any other response to the client, and a `200` without an
/// `Authorized` becomes a `500`.
///
/// # Examples
/// ```
/// use axum::http::{HeaderMap, StatusCode};
/// use axum::response::Result;
/// use axum_fcgi::Authorized;
///
/// async fn authorize(headers: HeaderMap) -> Result<Authorized> {
///     let Some(user) = headers.get("x-token").and_then(user_of) else {
///         return Err(StatusCode::FORBIDDEN.into());
///     };
///     Ok(Authorized::new().variable("AUTH_NAME", user)?)
/// }
/// # fn user_of(token: &axum::http::HeaderValue) -> Option<&str> { token.to_str().ok() }
/// # let _: axum::Router = axum::Router::new().fallback(authorize);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Authorized {
    variables: HeaderMap,
}

/// Marks a response that was made from an [`Authorized`], in its extensions.
#[derive(Debug, Clone, Copy)]
pub(super) struct AuthorizedMarker;

impl Authorized {
    /// A permission without variables.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a variable of the authorized request. Replaces one with the same name.
    ///
    /// # Errors
    /// [`InvalidVariable`] if the variable would be changed or lost on its way. A name consists of capital letters, digits
    /// and underscores, and does not start with a digit. A value has no line break or other control character, and does
    /// not start or end with a space or tab.
    pub fn variable(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, InvalidVariable> {
        let is_name_byte = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        let is_name =
            name.bytes().all(is_name_byte) && !name.starts_with(|first: char| first.is_ascii_digit());
        if name.is_empty() || !is_name {
            return Err(InvalidVariable::Name);
        }
        let name = HeaderName::try_from(format!("variable-{name}")).map_err(|_| InvalidVariable::Name)?;
        let value = value.as_ref();
        let is_blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
        if is_blank(value.first()) || is_blank(value.last()) {
            return Err(InvalidVariable::Value);
        }
        let value = HeaderValue::from_bytes(value).map_err(|_| InvalidVariable::Value)?;
        self.variables.try_insert(name, value).map_err(|_| InvalidVariable::TooMany)?;
        Ok(self)
    }
}

impl IntoResponse for Authorized {
    fn into_response(self) -> Response {
        let mut response = ().into_response();
        *response.headers_mut() = self.variables;
        response.extensions_mut().insert(AuthorizedMarker);
        response
    }
}

/// The error of adding a variable to an [`Authorized`]. As a response it is a `500`, which denies the request.
///
/// ```
/// use axum_fcgi::{Authorized, InvalidVariable};
/// assert!(Authorized::new().variable("AUTH_NAME", "eve").is_ok());
/// assert_eq!(Authorized::new().variable("auth name", "eve").err(), Some(InvalidVariable::Name));
/// assert_eq!(Authorized::new().variable("AUTH_NAME", "eve\n").err(), Some(InvalidVariable::Value));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidVariable {
    /// The name is invalid.
    #[error(
        "a variable's name must consist of capital letters, digits and underscores, and not start with a digit"
    )]
    Name,
    /// The value cannot be sent unchanged.
    #[error("a variable's value must not contain control characters, nor start or end with a space or tab")]
    Value,
    /// There are too many variables.
    #[error("too many variables")]
    TooMany,
}

impl IntoResponse for InvalidVariable {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        // Logged with its request.
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_would_change_are_rejected() {
        for (name, value, expected) in [
            ("USER", &b"alice"[..], Ok(())),
            ("AUTH_USER_2", b"a b", Ok(())),
            ("_X", b"", Ok(())),
            ("USER", b"caf\xc3\xa9", Ok(())),
            ("", b"x", Err(InvalidVariable::Name)),
            ("user", b"x", Err(InvalidVariable::Name)),
            ("2ND", b"x", Err(InvalidVariable::Name)),
            ("AUTH-USER", b"x", Err(InvalidVariable::Name)),
            ("A B", b"x", Err(InvalidVariable::Name)),
            ("A:B", b"x", Err(InvalidVariable::Name)),
            ("A\r\nB", b"x", Err(InvalidVariable::Name)),
            ("\u{c4}", b"x", Err(InvalidVariable::Name)),
            ("USER", b"a\r\nStatus: 200", Err(InvalidVariable::Value)),
            ("USER", b"a\nb", Err(InvalidVariable::Value)),
            ("USER", b"a\0", Err(InvalidVariable::Value)),
            ("USER", b" alice", Err(InvalidVariable::Value)),
            ("USER", b"alice\t", Err(InvalidVariable::Value)),
        ] {
            let found = Authorized::new().variable(name, value).map(drop);
            assert_eq!(found, expected, "{name:?} {value:?}");
        }
    }

    #[test]
    fn the_last_variable_of_a_name_wins() {
        let authorized = Authorized::new()
            .variable("A", "1")
            .and_then(|authorized| authorized.variable("A", "2"))
            .unwrap();
        let response = authorized.into_response();
        assert_eq!(response.headers().len(), 1);
        assert_eq!(response.headers()["variable-a"], "2");
        assert!(response.extensions().get::<AuthorizedMarker>().is_some());
    }
}
