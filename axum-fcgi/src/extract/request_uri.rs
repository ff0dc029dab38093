//! The target as the client spelled it.

use super::extractor::extractor;

/// The request's target as the client sent it, before any rewrite of the web server: REQUEST_URI, as it is.
///
/// For logs, and for links that have to repeat the client's own spelling. **Not for access checks**: the web server's
/// rules saw another path. A handler that checks a path uses the request's own target or
/// [`OriginalUri`](axum::extract::OriginalUri), which are what the [web server decided
/// on](tower_fcgi::RequestTarget::Decided).
///
/// HAProxy sends the target as it rewrote it. Releases of OpenBSD's httpd before 6.4 send it decoded.
///
/// # Rejection
/// [`MissingRequestUri`](crate::rejection::MissingRequestUri), a 500, where the web server sends none or one that is
/// not UTF-8, or the request did not come over FastCGI. `Option<RequestUri>` is `None` there.
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
        super::lookup::non_empty_str(params, "REQUEST_URI").map(Self)
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
    fn the_clients_target_is_as_it_was_sent() {
        let sent = "/a/../%62//c?d#e";
        assert_eq!(extracted(&[("REQUEST_URI", sent)]), Some(RequestUri(sent.to_owned())));
        assert_eq!(extracted::<RequestUri>(&[("REQUEST_URI", "")]), None);
        assert_eq!(extracted::<RequestUri>(&[("SCRIPT_NAME", "/")]), None);
        assert_eq!(extracted_from::<RequestUri>(&mut parts(None)), None);
    }
}
