//! The headers of an Authorizer's permission (FastCGI §6.3).

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};

use super::encode_response::{is_hop_by_hop, write_line};

/// What the name of a header begins with that is a variable.
const VARIABLE: &str = "variable-";

/// Writes the headers of a permission: variables under the names that they are to have, and what else there
/// is, as it is. Apache copies that to the client's answer, so nothing must be said of a body: there is none.
pub(super) fn write_authorization(headers: &HeaderMap, out: &mut Vec<u8>) {
    for (name, value) in headers {
        if let Some(variable) = name.as_str().strip_prefix(VARIABLE) {
            // `http` has names in small letters, which would be another variable: meta-variables are in
            // capitals.
            let variable = format!("Variable-{}", variable.to_ascii_uppercase());
            write_line(&variable, value.as_bytes(), out);
        } else if name != CONTENT_LENGTH && name != CONTENT_TYPE && !is_hop_by_hop(name) {
            write_line(name.as_str(), value.as_bytes(), out);
        }
    }
}
