//! Between CGI and `http`: meta-variables to a request, a response to a CGI head (RFC 3875 §4.1 and §6).

mod client;
mod names;
mod request;
mod response;
mod target;

pub(crate) use self::client::client_of;
pub(crate) use self::request::{Head, read_head};
pub(crate) use self::response::{Asked, CgiHead, Framing, write_error};
