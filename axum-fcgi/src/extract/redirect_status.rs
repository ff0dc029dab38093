//! The status of the web server's internal redirect.

use axum::http::StatusCode;

use super::extractor::extractor;

/// The status of the request before an internal redirect: REDIRECT_STATUS.
///
/// It is not a variable of RFC 3875. nginx and lighttpd send 200 with every request. Apache sends it after an internal
/// redirect, so that an `ErrorDocument` knows which error its page is for.
///
/// # Rejection
/// [`MissingRedirectStatus`](crate::rejection::MissingRedirectStatus), a 500, if the web server does not send a valid
/// status, or the request did not come over FastCGI. `Option<RedirectStatus>` is `None` then.
///
/// # Examples
/// ```
/// use axum::http::StatusCode;
/// use axum_fcgi::RedirectStatus;
/// async fn error_page(status: Option<RedirectStatus>) -> (StatusCode, String) {
///     let status = status.map_or(StatusCode::NOT_FOUND, |RedirectStatus(status)| status);
///     (status, format!("Sorry: {status}"))
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(error_page));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RedirectStatus(pub StatusCode);

impl RedirectStatus {
    fn from_params(params: &tower_fcgi::Params) -> Option<Self> {
        StatusCode::from_bytes(params.get("REDIRECT_STATUS")?).ok().map(Self)
    }
}

extractor!(
    RedirectStatus,
    MissingRedirectStatus,
    "the web server sends no valid REDIRECT_STATUS, or the request did not come over FastCGI"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::test_util::{extracted, extracted_from, parts};

    #[test]
    fn an_invalid_status_is_none() {
        for (sent, status) in [
            ("200", Some(StatusCode::OK)),
            ("404", Some(StatusCode::NOT_FOUND)),
            ("", None),
            ("20", None),
            ("0200", None),
            ("CGI", None),
        ] {
            assert_eq!(extracted(&[("REDIRECT_STATUS", sent)]), status.map(RedirectStatus), "{sent:?}");
        }
        assert_eq!(extracted_from::<RedirectStatus>(&mut parts(None)), None);
    }
}
