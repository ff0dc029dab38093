//! The web server's identifier of a request.

use super::extractor::extractor;
use super::lookup::non_empty_str;

/// The web server's unique identifier of a request, which its log contains: REQUEST_ID, or else UNIQUE_ID.
///
/// Neither is a variable of RFC 3875.
///
/// | web server | how to send it |
/// | --- | --- |
/// | nginx | `fastcgi_param REQUEST_ID $request_id;` |
/// | Apache | load mod_unique_id, which sets UNIQUE_ID |
/// | Caddy | `env REQUEST_ID {http.request.uuid}` |
/// | HAProxy | `unique-id-format` in the frontend, and `set-param REQUEST_ID %[unique-id]` |
///
/// Headers are ignored: the client chooses X-Request-Id, so it need not be unique.
///
/// # Rejection
/// [`MissingServerRequestId`](crate::rejection::MissingServerRequestId), a 500, if the web server sends neither, or the
/// request did not come over FastCGI. `Option<ServerRequestId>` is `None` then.
///
/// # Examples
/// ```
/// use axum_fcgi::ServerRequestId;
/// async fn handler(id: Option<ServerRequestId>) -> String {
///     id.map_or("unnamed".to_owned(), |ServerRequestId(id)| id)
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(handler));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerRequestId(pub String);

impl ServerRequestId {
    fn from_params(params: &tower_fcgi::Params) -> Option<Self> {
        // A variable that someone configured takes precedence over one that a module sets for every request.
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
        for (sent, id) in [
            (&[("REQUEST_ID", "a1")][..], Some("a1")),
            (&[("UNIQUE_ID", "b2")], Some("b2")),
            (&[("UNIQUE_ID", "b2"), ("REQUEST_ID", "a1")], Some("a1")),
            (&[("UNIQUE_ID", "b2"), ("REQUEST_ID", "")], Some("b2")),
            (&[("HTTP_X_REQUEST_ID", "c3"), ("HTTP_REQUEST_ID", "c3")], None),
        ] {
            assert_eq!(extracted(sent), id.map(|id| ServerRequestId(id.to_owned())), "{sent:?}");
        }
        assert_eq!(extracted_from::<ServerRequestId>(&mut parts(None)), None);
    }
}
