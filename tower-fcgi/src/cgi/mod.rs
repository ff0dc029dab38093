//! Between CGI and `http`: meta-variables to a request, a response to a CGI head (RFC 3875 §4.1 and §6).

mod authorizer;
mod decimal;
pub(crate) mod decode_request;
pub(crate) mod decode_response;
pub(crate) mod encode_request;
mod encode_response;
mod head_cache;
mod header_fields;
mod header_names;
mod meta_variables;
mod remote_addr;
mod response_context;
mod strip_prefix;
mod target;
mod variable_names;

pub(crate) use self::decimal::decimal;
pub(crate) use self::decode_request::{RequestInfo, read_head};
pub(crate) use self::encode_response::{
    ErrorBody, ResponseBodyLength, is_hop_by_hop, is_named_by_connection, write_error, write_head,
};
pub(crate) use self::meta_variables::first_counts;
pub(crate) use self::remote_addr::{client_of, server_of};
pub(crate) use self::response_context::ResponseContext;
pub(crate) use self::target::{OwnProgram, TargetContext};
