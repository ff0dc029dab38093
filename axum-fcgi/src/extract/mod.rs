//! Extractors for the meta-variables of a request.

mod auth_type;
mod client_addr;
mod client_protocol;
mod document_root;
mod extractor;
mod http_socket;
mod lookup;
mod mock_params;
mod params;
mod params_extractor;
mod redirect_status;
mod remote_user;
mod request_scheme;
mod request_uri;
mod script_name;
mod server_addr;
mod server_name;
mod server_request_id;
mod server_software;
mod stderr;
#[cfg(test)]
mod test_util;
#[cfg(test)]
mod tests;
mod tls_info;

pub use self::auth_type::{AuthType, MissingAuthType};
pub use self::client_addr::client_addr;
pub(crate) use self::client_addr::or_unspecified;
pub use self::client_protocol::{ClientProtocol, MissingClientProtocol};
pub use self::document_root::{DocumentRoot, MissingDocumentRoot};
pub(crate) use self::extractor::rejection;
pub(crate) use self::http_socket::HttpSocket;
pub(crate) use self::lookup::lookup;
pub use self::mock_params::MockParams;
pub use self::params::Params;
pub use self::params_extractor::MissingParams;
pub use self::redirect_status::{MissingRedirectStatus, RedirectStatus};
pub use self::remote_user::{MissingRemoteUser, RemoteUser};
pub use self::request_scheme::{MissingRequestScheme, RequestScheme};
pub use self::request_uri::{MissingRequestUri, RequestUri};
pub use self::script_name::{MissingScriptName, ScriptName};
pub use self::server_addr::{MissingServerAddr, ServerAddr};
pub use self::server_name::{MissingServerName, ServerName};
pub use self::server_request_id::{MissingServerRequestId, ServerRequestId};
pub use self::server_software::{MissingServerSoftware, ServerSoftware};
pub use self::stderr::{MissingStderr, Stderr};
pub use self::tls_info::{ClientVerify, MissingTlsInfo, TlsInfo};
