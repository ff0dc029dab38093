//! The names of the headers.

use axum::http::header::{FORWARDED, HeaderMap, HeaderName};

pub(super) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(super) const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
pub(super) const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
pub(super) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(super) const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// The headers that the layer sets itself.
const SET: [HeaderName; 6] =
    [X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PORT, X_FORWARDED_PROTO, X_REAL_IP, FORWARDED];

/// Removes the headers that the layer sets.
pub(super) fn remove_set(headers: &mut HeaderMap) {
    for name in SET {
        headers.remove(name);
    }
}

/// Removes the other headers that only a proxy may set, such as X-Forwarded-Prefix and -User, except those that are kept.
pub(super) fn remove_others(headers: &mut HeaderMap, is_kept: impl Fn(&HeaderName) -> bool) {
    let is_other = |name: &&HeaderName| name.as_str().starts_with("x-forwarded") && !is_kept(name);
    let others: Vec<_> = headers.keys().filter(is_other).cloned().collect();
    for name in others {
        headers.remove(name);
    }
}
