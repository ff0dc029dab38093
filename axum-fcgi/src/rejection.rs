//! What extractors answer with where the web server does not tell what a handler asks for.
//!
//! Each is a 500 with the reason as text, since it is the set-up that is at fault: the web server's
//! configuration, or a handler that takes for granted what is only sometimes there. For the latter, all
//! extractors have an optional form: `Option<RemoteUser>`.

pub use crate::extract::{
    MissingAuthType, MissingDocumentRoot, MissingParams, MissingRedirectStatus, MissingRemoteUser,
    MissingRequestScheme, MissingRequestUri, MissingScriptName, MissingServerAddr, MissingServerName,
    MissingServerRequestId, MissingServerSoftware, MissingStderr, MissingTlsInfo,
};
pub use crate::roles::MissingFilterData;
