//! The scheme that the client used.

use axum::http::uri::Scheme;

use super::extractor::extractor;

/// The scheme that the client used: `http` or `https`.
///
/// [`Params::scheme`](tower_fcgi::Params::scheme) determines it from HTTPS and REQUEST_SCHEME, which are not variables of
/// RFC 3875. If the web server sends neither, as HAProxy and H2O for a client without TLS, it is `http`. Headers such as
/// X-Forwarded-Proto are ignored: configure a web server behind another proxy to evaluate them, or see
/// [`ForwardedHeaders`](crate::ForwardedHeaders).
///
/// # Rejection
/// [`MissingRequestScheme`](crate::rejection::MissingRequestScheme), a 500, if the request did not come over FastCGI.
/// `Option<RequestScheme>` is `None` then.
///
/// # Examples
/// ```
/// use axum::http::uri::Scheme;
/// use axum_fcgi::RequestScheme;
/// async fn handler(RequestScheme(scheme): RequestScheme) -> &'static str {
///     if scheme == Scheme::HTTPS { "This page is encrypted." } else { "This page is not encrypted." }
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(handler));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestScheme(pub Scheme);

impl RequestScheme {
    fn from_params(params: &tower_fcgi::Params) -> Option<Self> {
        Some(Self(params.scheme()))
    }
}

extractor!(
    RequestScheme,
    MissingRequestScheme,
    "the scheme of the request is unknown: it did not come over FastCGI"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::test_util::{extracted, extracted_from, parts};

    #[test]
    fn headers_do_not_set_the_scheme() {
        for (sent, scheme) in [
            (&[("HTTPS", "on")][..], Scheme::HTTPS),
            (&[("HTTPS", "off"), ("REQUEST_SCHEME", "https")], Scheme::HTTP),
            (&[("REQUEST_SCHEME", "https")], Scheme::HTTPS),
            (&[("HTTP_X_FORWARDED_PROTO", "https"), ("HTTP_HTTPS", "on")], Scheme::HTTP),
            (&[], Scheme::HTTP),
        ] {
            assert_eq!(extracted(sent), Some(RequestScheme(scheme)), "{sent:?}");
        }
        assert_eq!(extracted_from::<RequestScheme>(&mut parts(None)), None);
    }
}
