//! The settings of a gateway.

use std::time::Duration;

use axum::Router;
use axum::http::uri::Scheme;

use tower_fcgi::client::ExtraParams;

use super::internal_headers::InternalHeaders;
use super::resolver::ScriptResolver;

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) env: ExtraParams,
    pub(super) scheme: Option<Scheme>,
    /// The most bytes of a body of unknown length that are buffered to determine its length. `None`: such a body is not
    /// buffered.
    pub(super) buffer_unsized_bodies: Option<usize>,
    pub(super) header_timeout: Option<Duration>,
    pub(super) timeout: Option<Duration>,
    pub(super) local_redirects: u8,
    pub(super) internal_headers: InternalHeaders,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            env: ExtraParams::default(),
            scheme: None,
            buffer_unsized_bodies: None,
            header_timeout: Some(Duration::from_secs(60)),
            timeout: None,
            local_redirects: 0,
            internal_headers: InternalHeaders::default(),
        }
    }
}

/// What a gateway to PHP knows of its scripts.
#[derive(Debug, Clone)]
pub(super) struct Files {
    pub(super) resolver: ScriptResolver,
    /// The document root in the application's file system, without a trailing slash.
    pub(super) remote_root: Vec<u8>,
    /// Serves files that are not scripts.
    pub(super) static_files: Option<Router>,
}
