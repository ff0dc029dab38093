//! By which name the web server's log knows the request.

use super::extractor::extractor;
use super::lookup::non_empty_str;

/// The name that the web server gave to this one request, to find it again in its log: REQUEST_ID, else
/// UNIQUE_ID. Neither is a variable of RFC 3875.
///
/// | web server | how it comes to be sent |
/// | --- | --- |
/// | nginx | `fastcgi_param REQUEST_ID $request_id;` |
/// | Apache | mod_unique_id is loaded: UNIQUE_ID |
/// | Caddy | `env REQUEST_ID {http.request.uuid}` |
/// | HAProxy | `unique-id-format` in the frontend, and `set-param REQUEST_ID %[unique-id]` |
///
/// No header is looked at: an X-Request-Id is the client's own word, and so no name that is given only once.
///
/// # Rejection
/// [`MissingServerRequestId`](crate::rejection::MissingServerRequestId), a 500, where the web server gives none, or the
/// request did not come over FastCGI. `Option<RequestId>` is `None` there.
///
/// # Examples
/// ```
/// use axum_fcgi::RequestId;
/// async fn handler(id: Option<RequestId>) -> String {
///     id.map_or("unnamed".to_owned(), |RequestId(id)| id)
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(handler));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerRequestId(pub String);

impl ServerRequestId {
    fn from_params(params: &tower_fcgi::Params) -> Option<Self> {
        // What somebody configured goes before what a module gives to all.
        non_empty_str(params, "REQUEST_ID").or_else(|| non_empty_str(params, "UNIQUE_ID")).map(Self)
    }
}

extractor!(
    ServerRequestId,
    MissingServerRequestId,
    "the web server sends neither REQUEST_ID nor UNIQUE_ID, or the request did not come over FastCGI"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::test_util::{extracted, extracted_from, parts};

    #[test]
    fn only_the_web_server_sets_the_request_id() {
        for (told, id) in [
            (&[("REQUEST_ID", "a1")][..], Some("a1")),
            (&[("UNIQUE_ID", "b2")], Some("b2")),
            (&[("UNIQUE_ID", "b2"), ("REQUEST_ID", "a1")], Some("a1")),
            (&[("UNIQUE_ID", "b2"), ("REQUEST_ID", "")], Some("b2")),
            (&[("HTTP_X_REQUEST_ID", "c3"), ("HTTP_REQUEST_ID", "c3")], None),
        ] {
            assert_eq!(extracted(told), id.map(|id| ServerRequestId(id.to_owned())), "{told:?}");
        }
        assert_eq!(extracted_from::<ServerRequestId>(&mut parts(None)), None);
    }
}
