//! What the extractors of single facts have in common.

use axum::http::request::Parts;

use super::MockParams;

/// The meta-variables of a request: the web server's, else those of a test.
pub(crate) fn lookup(parts: &Parts) -> Option<&tower_fcgi::Params> {
    let extensions = &parts.extensions;
    extensions.get::<tower_fcgi::Params>().or_else(|| extensions.get::<MockParams>().map(|mock| &*mock.0))
}

/// The value of a variable, where it is text and not empty. Web servers send a variable that has no value as
/// an empty one, or not at all.
pub(super) fn non_empty_str(params: &tower_fcgi::Params, name: &str) -> Option<String> {
    params.get_str(name).filter(|value| !value.is_empty()).map(str::to_owned)
}

/// Makes a type an extractor of what its `from_params` finds, and the unit struct that is its rejection: a
/// 500, as axum has it for what a handler asks for and the program was not set up to give.
macro_rules! extractor {
    ($fact:ident, $missing:ident, $reason:literal) => {
        impl<S: Sync> axum::extract::FromRequestParts<S> for $fact {
            type Rejection = $missing;

            async fn from_request_parts(
                parts: &mut axum::http::request::Parts,
                _state: &S,
            ) -> Result<Self, $missing> {
                super::fact::lookup(parts).and_then(Self::from_params).ok_or($missing)
            }
        }

        impl<S: Sync> axum::extract::OptionalFromRequestParts<S> for $fact {
            type Rejection = std::convert::Infallible;

            async fn from_request_parts(
                parts: &mut axum::http::request::Parts,
                _state: &S,
            ) -> Result<Option<Self>, std::convert::Infallible> {
                Ok(super::fact::lookup(parts).and_then(Self::from_params))
            }
        }

        super::fact::rejection!($fact, $missing, $reason);
    };
}

/// Makes the rejection of an extractor.
macro_rules! rejection {
    ($fact:ident, $missing:ident, $reason:literal) => {
        #[doc = concat!("The rejection of [`", stringify!($fact), "`](crate::", stringify!($fact), "): ", $reason, ".")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $missing;

        impl std::fmt::Display for $missing {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($reason)
            }
        }

        impl std::error::Error for $missing {}

        impl axum::response::IntoResponse for $missing {
            fn into_response(self) -> axum::response::Response {
                (axum::http::StatusCode::INTERNAL_SERVER_ERROR, $reason).into_response()
            }
        }
    };
}

pub(super) use extractor;
pub(crate) use rejection;

#[cfg(test)]
pub(super) mod tests {
    use std::fmt::Debug;

    use axum::extract::{FromRequestParts, OptionalFromRequestParts};
    use axum::http::{Request, StatusCode};
    use axum::response::IntoResponse;
    use futures_util::FutureExt as _;

    use super::*;

    /// The head of a request of which the web server tells this; `None`: one that came over HTTP.
    pub(in crate::extract) fn parts(told: Option<&[(&str, &str)]>) -> Parts {
        let (mut parts, ()) = Request::new(()).into_parts();
        if let Some(told) = told {
            parts.extensions.insert(told.iter().copied().collect::<tower_fcgi::Params>());
        }
        parts
    }

    /// What an extractor makes of what the web server tells, in both of its forms.
    pub(in crate::extract) fn extracted<T>(told: &[(&str, &str)]) -> Option<T>
    where
        T: FromRequestParts<()> + OptionalFromRequestParts<(), Rejection: Debug> + Debug + PartialEq,
    {
        extracted_from(&mut parts(Some(told)))
    }

    pub(in crate::extract) fn extracted_from<T>(parts: &mut Parts) -> Option<T>
    where
        T: FromRequestParts<()> + OptionalFromRequestParts<(), Rejection: Debug> + Debug + PartialEq,
    {
        let required = <T as FromRequestParts<()>>::from_request_parts(parts, &()).now_or_never().unwrap();
        let optional = <T as OptionalFromRequestParts<()>>::from_request_parts(parts, &());
        let optional = optional.now_or_never().unwrap().unwrap();
        let required = required.map_err(|rejection| {
            assert_eq!(rejection.into_response().status(), StatusCode::INTERNAL_SERVER_ERROR);
        });
        assert_eq!(required.as_ref().ok(), optional.as_ref(), "both forms agree");
        optional
    }

    #[test]
    fn text_is_neither_empty_nor_something_else_than_text() {
        let params = [("A", &b"text"[..]), ("B", b""), ("C", b"\xff"), ("D", b""), ("D", b"last")];
        let params: tower_fcgi::Params = params.into_iter().collect();
        let found = ["A", "B", "C", "D", "E"].map(|name| non_empty_str(&params, name));
        assert_eq!(found, [Some("text".to_owned()), None, None, Some("last".to_owned()), None]);
    }
}
