//! Rejections of the extractors, for meta-variables that the web server does not send.
//!
//! Each is a 500 with the reason as text, because the cause is the setup: the web server's configuration, or a handler that
//! requires a variable which is not sent with every request. For the latter, every extractor has an optional form, such as
//! `Option<RemoteUser>`.

pub use crate::extract::{
    MissingAuthType, MissingClientProtocol, MissingDocumentRoot, MissingParams, MissingRedirectStatus,
    MissingRemoteUser, MissingRequestScheme, MissingRequestUri, MissingScriptName, MissingServerAddr,
    MissingServerName, MissingServerRequestId, MissingServerSoftware, MissingStderr, MissingTlsInfo,
};
pub use crate::roles::MissingFilterData;
