//! The name of the web server software.

use super::extractor::extractor;
use super::lookup::non_empty_str;

/// The name of the web server software: SERVER_SOFTWARE (RFC 3875 §4.1.17), such as `nginx/1.22.1`.
///
/// # Rejection
/// [`MissingServerSoftware`](crate::rejection::MissingServerSoftware), a 500, if the web server does not send it, or the
/// request did not come over FastCGI. `Option<ServerSoftware>` is `None` then.
///
/// # Examples
/// ```
/// use axum_fcgi::ServerSoftware;
/// async fn handler(ServerSoftware(name): ServerSoftware) -> String {
///     format!("Behind {name}")
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(handler));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerSoftware(pub String);

impl ServerSoftware {
    fn from_params(params: &tower_fcgi::Params) -> Option<Self> {
        non_empty_str(params, "SERVER_SOFTWARE").map(Self)
    }
}

extractor!(
    ServerSoftware,
    MissingServerSoftware,
    "the web server sends no SERVER_SOFTWARE, or the request did not come over FastCGI"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::test_util::{extracted, extracted_from, parts};

    #[test]
    fn an_empty_name_is_none() {
        let name = "Apache/2.4.71 (Debian)";
        assert_eq!(extracted(&[("SERVER_SOFTWARE", name)]), Some(ServerSoftware(name.to_owned())));
        assert_eq!(extracted::<ServerSoftware>(&[("SERVER_SOFTWARE", "")]), None);
        assert_eq!(extracted_from::<ServerSoftware>(&mut parts(None)), None);
    }
}
