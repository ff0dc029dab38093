//! Macros for the extractors of meta-variables.

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
                $crate::extract::lookup::lookup(parts).and_then(Self::from_params).ok_or($missing)
            }
        }

        impl<S: Sync> axum::extract::OptionalFromRequestParts<S> for $fact {
            type Rejection = std::convert::Infallible;

            async fn from_request_parts(
                parts: &mut axum::http::request::Parts,
                _state: &S,
            ) -> Result<Option<Self>, std::convert::Infallible> {
                Ok($crate::extract::lookup::lookup(parts).and_then(Self::from_params))
            }
        }

        $crate::extract::extractor::rejection!($fact, $missing, $reason);
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
