//! Whether a request asks for an upgrade.

use http::header::{CONNECTION, HeaderMap, UPGRADE};

/// Whether a request asks for an upgrade (RFC 9110 §7.8): it has the header Upgrade, and Connection lists it.
pub(super) fn asks_for_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(UPGRADE)
        && headers.get_all(CONNECTION).iter().any(|value| {
            let mut options = value.as_bytes().split(|byte| *byte == b',');
            options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
        })
}
