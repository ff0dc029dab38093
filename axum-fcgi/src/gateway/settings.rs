//! The settings of a mount.

use std::time::Duration;

use axum::Router;
use axum::http::uri::Scheme;

use tower_fcgi::client::ExtraParams;

use super::resolver::ScriptResolver;

#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// `None`: the application handles all paths itself.
    pub(super) files: Option<Files>,
    pub(super) env: ExtraParams,
    pub(super) scheme: Option<Scheme>,
    /// The most bytes of a body of unknown length that are buffered to determine its length. `None`: such a body is not
    /// buffered.
    pub(super) buffer_unsized_bodies: Option<usize>,
    pub(super) header_timeout: Option<Duration>,
    pub(super) timeout: Option<Duration>,
    pub(super) local_redirects: u8,
}

#[derive(Debug, Clone)]
pub(super) struct Files {
    pub(super) resolver: ScriptResolver,
    /// The document root in the application's file system, without a trailing slash.
    pub(super) remote_root: Vec<u8>,
    /// Serves files that are not scripts.
    pub(super) static_files: Option<Router>,
}
