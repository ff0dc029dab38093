//! What the web server thinks of the request so far.

use axum::http::StatusCode;

use super::extractor::extractor;

/// The status with which the web server comes to the application: REDIRECT_STATUS, which is no variable of
/// RFC 3875.
///
/// nginx and lighttpd send 200 with every request. Apache sends it where it comes by an internal redirect,
/// and so tells an application that is its `ErrorDocument` for which error it is to write the page.
///
/// # Rejection
/// [`MissingRedirectStatus`](crate::rejection::MissingRedirectStatus), a 500, where the web server does not
/// tell, or something that is no status, or the request did not come over FastCGI. `Option<RedirectStatus>`
/// is `None` there.
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
    "the web server sends no REDIRECT_STATUS that is one, or the request did not come over FastCGI"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::test_util::{extracted, extracted_from, parts};

    #[test]
    fn what_is_no_status_is_none() {
        for (told, status) in [
            ("200", Some(StatusCode::OK)),
            ("404", Some(StatusCode::NOT_FOUND)),
            ("", None),
            ("20", None),
            ("0200", None),
            ("CGI", None),
        ] {
            assert_eq!(extracted(&[("REDIRECT_STATUS", told)]), status.map(RedirectStatus), "{told:?}");
        }
        assert_eq!(extracted_from::<RedirectStatus>(&mut parts(None)), None);
    }
}
