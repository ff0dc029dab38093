//! Maps between CGI and `http`: meta-variables and requests, CGI heads and responses (RFC 3875 §4.1, §6).

mod authorizer;
mod content_length;
mod decimal;
mod decode_request;
pub(crate) mod decode_response;
pub(crate) mod encode_request;
mod encode_response;
mod error;
mod error_page;
pub(crate) mod extra_params;
mod head_cache;
mod header_fields;
mod header_line;
mod header_names;
mod hop_by_hop;
mod meta_variables;
mod remote_addr;
mod request_target;
mod response_context;
mod server_name;
mod standard_variable;
mod status_line;
mod strip_prefix;
mod target;
mod variable_writer;

pub(crate) use self::decimal::parse_decimal;
pub(crate) use self::decode_request::{RequestInfo, read_head};
pub(crate) use self::encode_response::{ResponseBodyLength, write_head};
pub(crate) use self::error::{RequestError, ResponseError};
pub(crate) use self::error_page::write_error;
pub(crate) use self::meta_variables::first_counts;
pub(crate) use self::remote_addr::{client_of, server_of};
pub(crate) use self::request_target::TargetSettings;
pub use self::request_target::{OriginalUri, RequestTarget};
pub(crate) use self::response_context::{ErrorBody, ResponseContext};
pub(crate) use self::target::{OwnProgram, TargetContext};
