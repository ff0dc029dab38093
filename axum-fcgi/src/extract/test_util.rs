//! Helpers of the extractors' tests.

use std::fmt::Debug;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{Request, StatusCode};
use axum::response::IntoResponse;
use futures_util::FutureExt as _;

/// The head of a request with these meta-variables; `None` for one that came over HTTP.
pub(super) fn parts(sent: Option<&[(&str, &str)]>) -> Parts {
    let (mut parts, ()) = Request::new(()).into_parts();
    if let Some(sent) = sent {
        parts.extensions.insert(sent.iter().copied().collect::<tower_fcgi::Params>());
    }
    parts
}

/// Runs both forms of an extractor on these meta-variables.
pub(super) fn extracted<T>(sent: &[(&str, &str)]) -> Option<T>
where
    T: FromRequestParts<()> + OptionalFromRequestParts<(), Rejection: Debug> + Debug + PartialEq,
{
    extracted_from(&mut parts(Some(sent)))
}

/// Runs both forms of an extractor, and checks that they agree.
pub(super) fn extracted_from<T>(parts: &mut Parts) -> Option<T>
where
    T: FromRequestParts<()> + OptionalFromRequestParts<(), Rejection: Debug> + Debug + PartialEq,
{
    let required = <T as FromRequestParts<()>>::from_request_parts(parts, &()).now_or_never().unwrap();
    let optional = <T as OptionalFromRequestParts<()>>::from_request_parts(parts, &());
    let optional = optional.now_or_never().unwrap().unwrap();
    let required = required.map_err(|rejection| {
        assert_eq!(rejection.into_response().status(), StatusCode::INTERNAL_SERVER_ERROR);
    });
    assert_eq!(required.as_ref().ok(), optional.as_ref(), "both forms must agree");
    optional
}
