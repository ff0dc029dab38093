//! The reason phrase of a response, for HTTP servers.

use axum::http::Extensions;
use tower_fcgi::ReasonPhrase;

/// Makes hyper send the application's reason phrase over HTTP/1.
pub(super) fn set_http_reason(extensions: &mut Extensions) {
    let reason = extensions.get::<ReasonPhrase>().map(ReasonPhrase::as_bytes);
    if let Some(Ok(reason)) = reason.map(hyper::ext::ReasonPhrase::try_from) {
        extensions.insert(reason);
    }
}
