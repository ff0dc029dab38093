//! The file that a Filter gets.

use std::convert::Infallible;
use std::time::SystemTime;

use axum::body::Body;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use tower_fcgi::RequestBody;

use crate::extract::rejection;

/// The file that a Filter gets (FastCGI §6.4): the DATA that the web server sends with the request.
///
/// See [`Serve::with_filter`](crate::Serve::with_filter). DATA comes after the request's body. A handler that needs both
/// reads the body first; a body that is dropped is skipped. A file that is shorter or longer than announced ends with an
/// error of the body, a [`tower_fcgi::BodyError`].
///
/// # Rejection
/// [`MissingFilterData`](crate::rejection::MissingFilterData), a 500, if the request is not for a Filter, or another
/// extractor has taken the file. `Option<FilterData>` is `None` then.
///
/// # Examples
/// ```
/// use axum::body::to_bytes;
/// use axum::http::StatusCode;
/// use axum_fcgi::FilterData;
///
/// async fn shout(file: FilterData) -> Result<String, StatusCode> {
///     let text = to_bytes(file.into_body(), 1 << 20).await.map_err(|_| StatusCode::BAD_REQUEST)?;
///     Ok(String::from_utf8_lossy(&text).to_uppercase())
/// }
/// # let _: axum::Router = axum::Router::new().fallback(shout);
/// ```
#[derive(Debug)]
pub struct FilterData {
    length: u64,
    last_modified: Option<SystemTime>,
    stream: RequestBody,
}

impl FilterData {
    /// The length of the file in bytes: FCGI_DATA_LENGTH.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// When the file was last modified: FCGI_DATA_LAST_MOD. `None` if the web server does not send it.
    #[must_use]
    pub const fn last_modified(&self) -> Option<SystemTime> {
        self.last_modified
    }

    /// The content of the file.
    pub fn into_body(self) -> Body {
        Body::new(self.stream)
    }

    fn from_parts(parts: &Parts) -> Option<Self> {
        let data = parts.extensions.get::<tower_fcgi::FilterData>()?;
        let stream = data.take()?;
        Some(Self { length: data.length(), last_modified: data.last_modified(), stream })
    }
}

impl<S: Sync> FromRequestParts<S> for FilterData {
    type Rejection = MissingFilterData;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, MissingFilterData> {
        Self::from_parts(parts).ok_or(MissingFilterData)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for FilterData {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Infallible> {
        Ok(Self::from_parts(parts))
    }
}

rejection!(
    FilterData,
    MissingFilterData,
    "the request is not for a Filter, or another extractor has taken its file"
);
