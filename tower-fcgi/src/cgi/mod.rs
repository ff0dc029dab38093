//! Between CGI and `http`: meta-variables to a request, a response to a CGI head (RFC 3875 §4.1 and §6).

mod call;
mod client;
mod decimal;
mod familiar;
mod headers;
mod names;
mod permission;
mod prefix;
mod request;
mod response;
mod target;
mod variables;

pub(crate) use self::call::Call;
pub(crate) use self::client::{client_of, server_of};
pub(crate) use self::decimal::decimal;
pub(crate) use self::request::{Facts, read_head};
pub(crate) use self::response::{
    Asked, Framing, is_between_peers, is_named_by_connection, write_error, write_head,
};
pub(crate) use self::target::{OwnProgram, TargetContext};
pub(crate) use self::variables::first_counts;
