//! The request that follows a local redirect (RFC 3875 §6.2.2).

use axum::body::Body;
use axum::extract::{OriginalUri, Request};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, Method, Uri, header};
use axum::response::Response;
use tower_fcgi::client::LocalRedirect;

use super::mount_path::MountPath;

/// A copy of a request's head, to send it again with another path.
pub(super) struct RedirectRequest {
    request: axum::http::Request<()>,
    prefix: String,
}

impl RedirectRequest {
    pub(super) fn new(request: &Request, uri: &Uri) -> Self {
        let prefix = MountPath::new(uri.path(), request.uri().path()).prefix.to_owned();
        let mut copy = axum::http::Request::new(());
        if request.method() == Method::HEAD {
            *copy.method_mut() = Method::HEAD;
        }
        *copy.version_mut() = request.version();
        copy.headers_mut().clone_from(request.headers());
        copy.extensions_mut().clone_from(request.extensions());
        Self { request: copy, prefix }
    }

    /// The request for the location of a local redirect, if the response is one and leads below the mount.
    pub(super) fn follow<B>(self, response: &axum::http::Response<B>) -> Option<Request> {
        let LocalRedirect(location) = response.extensions().get()?;
        self.into_request(location)
    }

    /// Makes a GET request for the location, or a HEAD if the client's is one; `None` if the location is not below the mount.
    fn into_request(mut self, location: &PathAndQuery) -> Option<Request> {
        let below = location.as_str().strip_prefix(&self.prefix)?;
        *self.request.uri_mut() = match below.as_bytes().first() {
            Some(b'/') => below.parse().ok()?,
            None | Some(b'?') => format!("/{below}").parse().ok()?,
            Some(_) => return None,
        };
        self.request.extensions_mut().insert(OriginalUri(location.clone().into()));
        for name in CONTENT_HEADERS {
            self.request.headers_mut().remove(name);
        }
        Some(self.request.map(|()| Body::empty()))
    }
}

/// Headers about a request's body: the redirected request has none.
const CONTENT_HEADERS: [header::HeaderName; 5] = [
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::EXPECT,
    header::TRANSFER_ENCODING,
];

/// The cookies of the responses that were redirected. As in Apache, the client gets them with the last response; the script
/// must send no other headers (RFC 3875 §6.2.2).
#[derive(Debug, Default)]
pub(super) struct Cookies(Vec<HeaderValue>);

impl Cookies {
    pub(super) fn take_from<B>(&mut self, response: &axum::http::Response<B>) {
        self.0.extend(response.headers().get_all(header::SET_COOKIE).iter().cloned());
    }

    pub(super) fn add_to(self, mut response: Response) -> Response {
        for cookie in self.0 {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }
}
