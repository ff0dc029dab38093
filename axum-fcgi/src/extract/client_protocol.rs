//! The version of HTTP that the client used.

use axum::http::Version;

use super::extractor::extractor;

/// The version of HTTP that the client used: SERVER_PROTOCOL (RFC 3875 §4.1.16).
///
/// The version of the request itself is HTTP/1.1 for every client, as behind a proxy.
///
/// # Rejection
/// [`MissingClientProtocol`](crate::rejection::MissingClientProtocol), a 500, if the web server sends no version of HTTP
/// (Apache sends `INCLUDED` for a server-side include), or the request did not come over FastCGI.
/// `Option<ClientProtocol>` is `None` then.
///
/// # Examples
/// ```
/// use axum::http::Version;
/// use axum_fcgi::ClientProtocol;
/// async fn handler(ClientProtocol(version): ClientProtocol) -> &'static str {
///     if version >= Version::HTTP_2 { "Many requests at once." } else { "One request at a time." }
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(handler));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientProtocol(pub Version);

impl ClientProtocol {
    fn from_params(params: &tower_fcgi::Params) -> Option<Self> {
        params.client_protocol().map(Self)
    }
}

extractor!(
    ClientProtocol,
    MissingClientProtocol,
    "the web server sends no version of HTTP in SERVER_PROTOCOL, or the request did not come over FastCGI"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::test_util::{extracted, extracted_from, parts};

    #[test]
    fn headers_do_not_set_the_client_protocol() {
        for (sent, version) in [
            (&[("SERVER_PROTOCOL", "HTTP/2.0")][..], Some(Version::HTTP_2)),
            (
                &[("SERVER_PROTOCOL", "HTTP/1.0"), ("HTTP_SERVER_PROTOCOL", "HTTP/2.0")],
                Some(Version::HTTP_10),
            ),
            (&[("SERVER_PROTOCOL", "INCLUDED")], None),
            (&[("HTTP_SERVER_PROTOCOL", "HTTP/2.0")], None),
        ] {
            assert_eq!(extracted(sent), version.map(ClientProtocol), "{sent:?}");
        }
        assert_eq!(extracted_from::<ClientProtocol>(&mut parts(None)), None);
    }
}
