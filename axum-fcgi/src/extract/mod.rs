//! What the web server tells, as extractors.

mod client;
mod document_root;
mod fact;
mod mock;
mod params;
mod redirect_status;
mod request_id;
mod request_uri;
mod scheme;
mod script_name;
mod server;
mod server_name;
mod server_software;
mod stderr;
mod tls;
mod user;

pub use self::client::client_addr;
pub(crate) use self::client::or_unspecified;
pub use self::document_root::{DocumentRoot, MissingDocumentRoot};
pub(crate) use self::fact::rejection;
pub use self::mock::MockParams;
pub use self::params::{MissingParams, Params};
pub use self::redirect_status::{MissingRedirectStatus, RedirectStatus};
pub use self::request_id::{MissingServerRequestId, ServerRequestId};
pub use self::request_uri::{MissingRequestUri, RequestUri};
pub use self::scheme::{MissingRequestScheme, RequestScheme};
pub use self::script_name::{MissingScriptName, ScriptName};
pub use self::server::{MissingServerAddr, ServerAddr};
pub use self::server_name::{MissingServerName, ServerName};
pub use self::server_software::{MissingServerSoftware, ServerSoftware};
pub use self::stderr::{MissingStderr, Stderr};
pub use self::tls::{ClientVerify, MissingTlsInfo, TlsInfo};
pub use self::user::{AuthType, MissingAuthType, MissingRemoteUser, RemoteUser};
