//! Rejections of the extractors, for meta-variables that the web server does not send.
//!
//! Each is a 500 with the reason as text, because the cause is the setup: the web server's configuration, or a handler that
//! requires a variable which is not sent with every request. For the latter, every extractor has an optional form, such as
//! `Option<RemoteUser>`. A `Result` with the rejection works too, as with axum's own extractors:
//!
//! ```
//! use axum::http::StatusCode;
//! use axum_fcgi::RemoteUser;
//! use axum_fcgi::rejection::MissingRemoteUser;
//!
//! async fn handler(user: Result<RemoteUser, MissingRemoteUser>) -> Result<String, (StatusCode, String)> {
//!     let RemoteUser(name) = user.map_err(|missing| (StatusCode::FORBIDDEN, missing.body_text()))?;
//!     Ok(format!("Hello, {name}!"))
//! }
//! # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(handler));
//! ```

pub use crate::extract::{
    MissingAuthType, MissingClientProtocol, MissingDocumentRoot, MissingParams, MissingRedirectStatus,
    MissingRemoteUser, MissingRequestScheme, MissingRequestUri, MissingScriptName, MissingServerAddr,
    MissingServerName, MissingServerRequestId, MissingServerSoftware, MissingStderr, MissingTlsInfo,
};
pub use crate::roles::MissingFilterData;
