//! The headers of an Authorizer's `200` response (FastCGI §6.3).

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};

use super::header_line::write_header_line;
use super::hop_by_hop::is_hop_by_hop;

/// The prefix of headers that become variables of the authorized request.
const VARIABLE: &str = "variable-";

/// Appends the headers of a response that allows the request: variables under their own names, the others unchanged.
///
/// There is no body, and Apache copies these headers to the client's response, so Content-Length and Content-Type are
/// left out.
pub(super) fn write_authorization(headers: &HeaderMap, out: &mut Vec<u8>) {
    for (name, value) in headers {
        if let Some(variable) = name.as_str().strip_prefix(VARIABLE) {
            // Names of meta-variables are in capitals; `http` has every name in lower case.
            let variable = format!("Variable-{}", variable.to_ascii_uppercase());
            write_header_line(&variable, value.as_bytes(), out);
        } else if name != CONTENT_LENGTH && name != CONTENT_TYPE && !is_hop_by_hop(name) {
            write_header_line(name.as_str(), value.as_bytes(), out);
        }
    }
}
