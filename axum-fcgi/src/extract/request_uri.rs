//! The target that the client sent.

use super::extractor::extractor;
use super::lookup::non_empty_str;

/// The target that the client sent, before the web server's rewrites: REQUEST_URI, unchanged.
///
/// Use it for logs, and for links that must repeat the client's spelling. **Do not use it for access checks**: the web
/// server's rules applied to another path. For those, use the request's own target or
/// [`OriginalUri`](axum::extract::OriginalUri), which the [web server decided on](tower_fcgi::RequestTarget::Decided).
///
/// HAProxy sends the target after its rewrites. OpenBSD's httpd before 6.4 sends it decoded.
///
/// # Rejection
/// [`MissingRequestUri`](crate::rejection::MissingRequestUri), a 500, if the web server sends none, or one that is not
/// UTF-8, or the request did not come over FastCGI. `Option<RequestUri>` is `None` then.
///
/// # Examples
/// ```
/// use axum::extract::OriginalUri;
/// use axum_fcgi::RequestUri;
/// async fn handler(RequestUri(sent): RequestUri, OriginalUri(decided): OriginalUri) -> String {
///     format!("You asked for {sent}, which is {decided} here")
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(handler));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestUri(pub String);

impl RequestUri {
    fn from_params(params: &tower_fcgi::Params) -> Option<Self> {
        non_empty_str(params, "REQUEST_URI").map(Self)
    }
}

extractor!(
    RequestUri,
    MissingRequestUri,
    "the web server sends no REQUEST_URI, or the request did not come over FastCGI"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::test_util::{extracted, extracted_from, parts};

    #[test]
    fn request_uri_is_what_the_client_sent() {
        let sent = "/a/../%62//c?d#e";
        assert_eq!(extracted(&[("REQUEST_URI", sent)]), Some(RequestUri(sent.to_owned())));
        assert_eq!(extracted::<RequestUri>(&[("REQUEST_URI", "")]), None);
        assert_eq!(extracted::<RequestUri>(&[("SCRIPT_NAME", "/")]), None);
        assert_eq!(extracted_from::<RequestUri>(&mut parts(None)), None);
    }
}
