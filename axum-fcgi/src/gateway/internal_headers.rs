//! Headers of a response that are for the web server, and not for its client.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::Response;

use super::internal_files::{FileRequest, InternalFiles};
use crate::request_log::{RequestLog, request_event};

const X_ACCEL_REDIRECT: HeaderName = HeaderName::from_static("x-accel-redirect");
const X_SENDFILE: HeaderName = HeaderName::from_static("x-sendfile");

/// The headers that nginx never passes on.
const X_ACCEL: [HeaderName; 5] = [
    X_ACCEL_REDIRECT,
    HeaderName::from_static("x-accel-expires"),
    HeaderName::from_static("x-accel-buffering"),
    HeaderName::from_static("x-accel-charset"),
    HeaderName::from_static("x-accel-limit-rate"),
];

/// What becomes of the internal headers of a response.
#[derive(Debug, Clone, Default)]
pub(super) enum InternalHeaders {
    /// They are removed, except for X-Sendfile, which nginx does not know.
    #[default]
    Remove,
    /// They are removed, also X-Sendfile, and the files that they name are sent.
    Serve(Arc<InternalFiles>),
    /// Another web server in front acts on them.
    Pass,
}

impl InternalHeaders {
    /// What a file's response will need of the request.
    pub(super) fn file_request(&self, request: &axum::extract::Request) -> Option<FileRequest> {
        matches!(self, Self::Serve(_)).then(|| FileRequest::new(request))
    }

    /// Acts on the headers of the application's response.
    pub(super) async fn apply(
        &self,
        mut response: Response,
        request: Option<FileRequest>,
        log: &RequestLog,
    ) -> Response {
        match self {
            Self::Pass => return response,
            Self::Remove => {
                if let Some(path) = response.headers().get(X_ACCEL_REDIRECT) {
                    request_event!(
                        warn,
                        log,
                        ?path,
                        "X-Accel-Redirect is ignored: the gateway has no internal files"
                    );
                }
            }
            Self::Serve(files) => {
                if let Some(request) = request
                    && let Some(file) = files.response(response.headers(), request, log).await
                {
                    return file;
                }
                // The application names a file by the header that is not set up.
                for name in [X_ACCEL_REDIRECT, X_SENDFILE] {
                    if let Some(path) = response.headers_mut().remove(&name) {
                        request_event!(
                            warn,
                            log,
                            ?path,
                            "{name} is ignored: the gateway has no internal files for it"
                        );
                    }
                }
            }
        }
        for name in X_ACCEL {
            response.headers_mut().remove(name);
        }
        response
    }
}

/// The header that names a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamedBy {
    XAccelRedirect,
    XSendfile,
}

impl NamedBy {
    pub(super) fn header(self) -> HeaderName {
        match self {
            Self::XAccelRedirect => X_ACCEL_REDIRECT,
            Self::XSendfile => X_SENDFILE,
        }
    }

    /// Adds headers of the application's response `from` to a file's response, as the web servers do that know this header.
    pub(super) fn keep(self, from: &HeaderMap, mut file: Response) -> Response {
        let has_body = file.status().is_success();
        for name in from.keys().filter(|name| self.keeps(name, has_body)) {
            file.headers_mut().remove(name);
            for value in from.get_all(name) {
                file.headers_mut().append(name, value.clone());
            }
        }
        if file.status() == StatusCode::NOT_MODIFIED {
            file.headers_mut().remove(header::CONTENT_TYPE);
        }
        file
    }

    fn keeps(self, name: &HeaderName, has_body: bool) -> bool {
        match self {
            _ if *name == header::CONTENT_TYPE => has_body,
            Self::XAccelRedirect => KEPT_BY_NGINX.contains(name),
            Self::XSendfile => {
                *name != X_SENDFILE && !X_ACCEL.contains(name) && !REPLACED_BY_THE_FILE.contains(name)
            }
        }
    }
}

/// Besides Content-Type. Accept-Ranges is the file's own.
const KEPT_BY_NGINX: [HeaderName; 4] =
    [header::CONTENT_DISPOSITION, header::SET_COOKIE, header::CACHE_CONTROL, header::EXPIRES];

/// Not kept by lighttpd: they describe the body of the application's response (RFC 9110 §8, §14), or its connection.
const REPLACED_BY_THE_FILE: [HeaderName; 9] = [
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::CONTENT_RANGE,
    header::ACCEPT_RANGES,
    header::ETAG,
    header::LAST_MODIFIED,
    header::LOCATION,
    header::TRAILER,
    header::TRANSFER_ENCODING,
];
