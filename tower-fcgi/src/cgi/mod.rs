//! Between CGI and `http`: meta-variables to a request, a response to a CGI head (RFC 3875 §4.1 and §6).

mod names;
mod request;
mod response;
mod target;

pub(crate) use self::request::{Head, read_head};
pub(crate) use self::response::{Asked, Framing, write_error, write_head};
