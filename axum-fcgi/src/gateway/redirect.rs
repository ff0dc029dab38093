//! The request that follows a local redirect (RFC 3875 §6.2.2).

use axum::body::Body;
use axum::extract::{OriginalUri, Request};
use axum::http::uri::PathAndQuery;
use axum::http::{Uri, header};

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
        *copy.version_mut() = request.version();
        copy.headers_mut().clone_from(request.headers());
        copy.extensions_mut().clone_from(request.extensions());
        Self { request: copy, prefix }
    }

    /// Makes a GET request for the location; `None` if the location is not below the mount.
    pub(super) fn into_request(mut self, location: &PathAndQuery) -> Option<Request> {
        let below = location.as_str().strip_prefix(&self.prefix)?;
        *self.request.uri_mut() = match below.as_bytes().first() {
            Some(b'/') => below.parse().ok()?,
            None | Some(b'?') => format!("/{below}").parse().ok()?,
            Some(_) => return None,
        };
        self.request.extensions_mut().insert(OriginalUri(location.clone().into()));
        for name in [header::CONTENT_LENGTH, header::CONTENT_TYPE, header::TRANSFER_ENCODING] {
            self.request.headers_mut().remove(name);
        }
        Some(self.request.map(|()| Body::empty()))
    }
}
