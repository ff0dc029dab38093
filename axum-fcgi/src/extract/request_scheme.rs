//! By which scheme the client came.

use axum::http::uri::Scheme;

use super::extractor::extractor;

/// The scheme by which the client reached the web server: what
/// [`Params::scheme`](tower_fcgi::Params::scheme) makes of HTTPS and REQUEST_SCHEME, which are no variables
/// of RFC 3875.
///
/// A web server that tells neither (HAProxy and H2O do not by themselves) is taken to speak `http`. No header
/// such as X-Forwarded-Proto is looked at: a web server behind another proxy is to be told what that says.
///
/// # Rejection
/// [`MissingRequestScheme`](crate::rejection::MissingRequestScheme), a 500, where the request did not come
/// over FastCGI. `Option<RequestScheme>` is `None` there.
///
/// # Examples
/// ```
/// use axum::http::uri::Scheme;
/// use axum_fcgi::RequestScheme;
/// async fn handler(RequestScheme(scheme): RequestScheme) -> &'static str {
///     if scheme == Scheme::HTTPS { "Nobody listens." } else { "Mind what you say." }
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
    "the scheme of the request is not known: it did not come over FastCGI"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::test_util::{extracted, extracted_from, parts};

    #[test]
    fn the_web_server_decides_and_no_header_does() {
        for (told, scheme) in [
            (&[("HTTPS", "on")][..], Scheme::HTTPS),
            (&[("HTTPS", "off"), ("REQUEST_SCHEME", "https")], Scheme::HTTP),
            (&[("REQUEST_SCHEME", "https")], Scheme::HTTPS),
            (&[("HTTP_X_FORWARDED_PROTO", "https"), ("HTTP_HTTPS", "on")], Scheme::HTTP),
            (&[], Scheme::HTTP),
        ] {
            assert_eq!(extracted(told), Some(RequestScheme(scheme)), "{told:?}");
        }
        assert_eq!(extracted_from::<RequestScheme>(&mut parts(None)), None);
    }
}
