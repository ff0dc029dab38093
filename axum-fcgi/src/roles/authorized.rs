//! An Authorizer's yes.

use std::fmt;

use axum::http::StatusCode;
use axum::http::header::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};

/// An Authorizer's permission (FastCGI §6.3): the web server may go on with the request. See
/// [`Serve::with_authorizer`](crate::Serve::with_authorizer).
///
/// It can hand on what it has found out, as variables of the request that is allowed: the handler that
/// answers that one finds them in its [`Params`](crate::Params). There is no other permission than this type:
/// what else an authorizer answers with is the client's answer, and a `200` without an `Authorized` is a `500`.
///
/// # Examples
/// ```
/// use axum::http::{HeaderMap, StatusCode};
/// use axum::response::Result;
/// use axum_fcgi::Allow;
///
/// async fn authorize(headers: HeaderMap) -> Result<Allow> {
///     let Some(user) = headers.get("x-token").and_then(user_of) else {
///         return Err(StatusCode::FORBIDDEN.into());
///     };
///     Ok(Allow::new().variable("AUTH_NAME", user)?)
/// }
/// # fn user_of(token: &axum::http::HeaderValue) -> Option<&str> { token.to_str().ok() }
/// # let _: axum::Router = axum::Router::new().fallback(authorize);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Authorized {
    variables: HeaderMap,
}

/// In the extensions of the response that an [`Authorized`] became, and of no other.
#[derive(Debug, Clone, Copy)]
pub(super) struct AuthorizedMarker;

impl Authorized {
    /// Without variables.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With a variable of the request that is allowed; one of this name that was there before is replaced.
    ///
    /// # Errors
    /// [`InvalidVariable`] where the variable would arrive as another one, or not at all. A name has capital
    /// letters, digits and underscores, and begins with no digit. A value has no line break or other control
    /// character, and neither begins nor ends with a space or a tab.
    pub fn variable(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, InvalidVariable> {
        let is_of_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        let is_name = name.bytes().all(is_of_name) && !name.starts_with(|first: char| first.is_ascii_digit());
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

/// A variable that a web server cannot be told of. As a response it is a `500`, and so no permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidVariable {
    /// Its name is none of a variable.
    Name,
    /// Its value cannot be carried as it is.
    Value,
    /// There are more than can be held.
    TooMany,
}

impl fmt::Display for InvalidVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "the name of a variable has capital letters, digits and underscores alone",
            Self::Value => "the value of a variable has control characters, or a space at an end",
            Self::TooMany => "more variables than can be held",
        })
    }
}

impl std::error::Error for InvalidVariable {}

impl IntoResponse for InvalidVariable {
    fn into_response(self) -> Response {
        tracing::error!(error = %self, "an authorizer's variable cannot be told");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_arrives_as_it_is_can_be_told() {
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
    fn the_last_variable_of_a_name_is_the_one() {
        let allow = Authorized::new().variable("A", "1").and_then(|allow| allow.variable("A", "2")).unwrap();
        let response = allow.into_response();
        assert_eq!(response.headers().len(), 1);
        assert_eq!(response.headers()["variable-a"], "2");
        assert!(response.extensions().get::<AuthorizedMarker>().is_some());
    }
}
