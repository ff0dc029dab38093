//! Rejections of the extractors, for meta-variables that the web server does not send.
//!
//! Each is a 500 with the reason as text, because the cause is the setup: the web server's configuration, or a handler that
//! requires a variable which is not sent with every request. For the latter, every extractor has an optional form, such as
//! `Option<RemoteUser>`.
//!
//! As in axum, an extractor of your own can respond in its own way, with the status and the text:
//!
//! ```
//! use axum::extract::FromRequestParts;
//! use axum::http::{StatusCode, request::Parts};
//! use axum_fcgi::RemoteUser;
//!
//! struct User(String);
//!
//! impl<S: Send + Sync> FromRequestParts<S> for User {
//!     type Rejection = (StatusCode, String);
//!
//!     async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
//!         match RemoteUser::from_request_parts(parts, state).await {
//!             Ok(RemoteUser(name)) => Ok(User(name)),
//!             Err(missing) => Err((missing.status(), format!("<p>{}</p>", missing.body_text()))),
//!         }
//!     }
//! }
//! ```

pub use crate::extract::{
    MissingAuthType, MissingClientProtocol, MissingDocumentRoot, MissingParams, MissingRedirectStatus,
    MissingRemoteUser, MissingRequestScheme, MissingRequestUri, MissingScriptName, MissingServerAddr,
    MissingServerName, MissingServerRequestId, MissingServerSoftware, MissingStderr, MissingTlsInfo,
};
pub use crate::roles::MissingFilterData;
