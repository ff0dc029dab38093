//! Headers that belong to one HTTP connection and are not forwarded (RFC 9110 §7.6.1).

use http::header::{CONNECTION, HeaderMap, HeaderName};

/// Whether a header is hop-by-hop, or CGI's own `Status` (RFC 3875 §6.3.3).
pub(super) fn is_hop_by_hop(name: &HeaderName) -> bool {
    let name = name.as_str();
    match name.len() {
        2 => name == "te",
        6 => name == "status",
        7 => name == "trailer" || name == "upgrade",
        10 => name == "connection" || name == "keep-alive",
        16 => name == "proxy-connection",
        17 => name == "transfer-encoding",
        _ => false,
    }
}

/// Whether the Connection header of `headers` lists `name`, which makes it hop-by-hop as well.
pub(super) fn is_named_by_connection(name: &HeaderName, headers: &HeaderMap) -> bool {
    headers.get_all(CONNECTION).iter().any(|value| {
        value.as_bytes().split(|byte| *byte == b',').any(|option| {
            let option = option.trim_ascii();
            option.eq_ignore_ascii_case(name.as_str().as_bytes())
        })
    })
}
