//! Maps between CGI and `http`: meta-variables and requests, CGI heads and responses (RFC 3875 §4.1, §6).

#[cfg(feature = "server")]
mod announced_body;
#[cfg(feature = "server")]
mod authorizer;
#[cfg(feature = "server")]
mod client_protocol;
#[cfg(feature = "server")]
mod content_length;
mod decimal;
#[cfg(feature = "server")]
mod decode_request;
#[cfg(feature = "client")]
pub(crate) mod decode_response;
#[cfg(feature = "client")]
pub(crate) mod encode_request;
#[cfg(feature = "server")]
mod encode_response;
#[cfg(feature = "server")]
mod encode_upgrade;
#[cfg(feature = "server")]
mod error;
#[cfg(feature = "server")]
mod error_page;
#[cfg(feature = "client")]
pub(crate) mod extra_params;
#[cfg(feature = "server")]
mod head_cache;
#[cfg(feature = "server")]
mod header_fields;
#[cfg(feature = "server")]
mod header_line;
mod header_names;
mod hop_by_hop;
#[cfg(feature = "server")]
mod meta_variables;
mod reason_phrase;
#[cfg(feature = "server")]
mod remote_addr;
#[cfg(feature = "server")]
mod request_target;
#[cfg(feature = "server")]
mod response_context;
#[cfg(feature = "client")]
mod server_name;
#[cfg(feature = "client")]
mod standard_variable;
#[cfg(feature = "server")]
mod status_line;
#[cfg(feature = "server")]
mod strip_prefix;
#[cfg(feature = "server")]
mod target;
#[cfg(feature = "server")]
mod upgrade_request;
#[cfg(feature = "client")]
mod variable_writer;
mod whitespace;

#[cfg(feature = "server")]
pub(crate) use self::announced_body::announces_no_body;
#[cfg(feature = "server")]
pub(crate) use self::client_protocol::http_version;
pub(crate) use self::decimal::parse_decimal;
#[cfg(feature = "server")]
pub(crate) use self::decode_request::{RequestInfo, read_head};
#[cfg(feature = "server")]
pub(crate) use self::encode_response::{ResponseBodyLength, ResponseBodySize, write_head};
#[cfg(feature = "server")]
pub(crate) use self::encode_upgrade::write_upgrade_head;
#[cfg(feature = "server")]
pub(crate) use self::error::{RequestError, ResponseError};
#[cfg(feature = "server")]
pub(crate) use self::error_page::write_error;
#[cfg(feature = "server")]
pub(crate) use self::meta_variables::first_counts;
pub use self::reason_phrase::{InvalidReasonPhrase, ReasonPhrase};
#[cfg(feature = "server")]
pub(crate) use self::remote_addr::{client_of, server_of};
#[cfg(feature = "server")]
pub use self::request_target::{OriginalUri, RequestTarget};
#[cfg(feature = "server")]
pub(crate) use self::request_target::{TargetLog, TargetSettings};
#[cfg(feature = "server")]
pub(crate) use self::response_context::{ErrorBody, ResponseContext};
#[cfg(feature = "server")]
pub(crate) use self::target::{OwnProgram, TargetContext};
pub(crate) use self::whitespace::trim_ows;
