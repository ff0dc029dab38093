//! Macros for the extractors of meta-variables.

/// Implements the extractor of a type by its `from_params`, and defines its rejection: a 500, as in axum for an extension
/// that is missing.
macro_rules! extractor {
    ($extractor:ident, $missing:ident, $reason:literal) => {
        impl<S: Sync> axum::extract::FromRequestParts<S> for $extractor {
            type Rejection = $missing;

            async fn from_request_parts(
                parts: &mut axum::http::request::Parts,
                _state: &S,
            ) -> Result<Self, $missing> {
                $crate::extract::lookup::lookup(parts).and_then(Self::from_params).ok_or($missing)
            }
        }

        impl<S: Sync> axum::extract::OptionalFromRequestParts<S> for $extractor {
            type Rejection = std::convert::Infallible;

            async fn from_request_parts(
                parts: &mut axum::http::request::Parts,
                _state: &S,
            ) -> Result<Option<Self>, std::convert::Infallible> {
                Ok($crate::extract::lookup::lookup(parts).and_then(Self::from_params))
            }
        }

        $crate::extract::extractor::rejection!($extractor, $missing, $reason);
    };
}

/// Defines the rejection of an extractor.
macro_rules! rejection {
    ($extractor:ident, $missing:ident, $reason:literal) => {
        #[doc = concat!("The rejection of [`", stringify!($extractor), "`](crate::", stringify!($extractor), "): ", $reason, ".")]
        ///
        /// ```
        /// use axum::http::StatusCode;
        #[doc = concat!("use axum_fcgi::", stringify!($extractor), ";")]
        #[doc = concat!("use axum_fcgi::rejection::", stringify!($missing), ";")]
        ///
        /// /// With a status of its own instead of 500.
        #[doc = concat!("async fn handler(found: Result<", stringify!($extractor), ", ", stringify!($missing), ">) -> (StatusCode, String) {")]
        ///     match found {
        ///         Ok(_) => (StatusCode::OK, "It is there.".to_owned()),
        ///         Err(missing) => (StatusCode::NOT_FOUND, missing.body_text()),
        ///     }
        /// }
        /// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(handler));
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
        #[error($reason)]
        #[non_exhaustive]
        pub struct $missing;

        impl $missing {
            /// The status of the response: 500.
            #[must_use]
            pub const fn status(self) -> axum::http::StatusCode {
                axum::http::StatusCode::INTERNAL_SERVER_ERROR
            }

            /// The text of the response.
            #[must_use]
            pub fn body_text(self) -> String {
                $reason.to_owned()
            }
        }

        impl axum::response::IntoResponse for $missing {
            fn into_response(self) -> axum::response::Response {
                (self.status(), $reason).into_response()
            }
        }
    };
}

pub(super) use extractor;
pub(crate) use rejection;
