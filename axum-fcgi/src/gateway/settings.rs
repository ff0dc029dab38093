//! The settings of a gateway.

use std::time::Duration;

use axum::Router;
use axum::http::uri::Scheme;

use tower_fcgi::client::ExtraParams;

use super::resolver::ScriptResolver;
use super::spool::Buffering;

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) env: ExtraParams,
    pub(super) scheme: Option<Scheme>,
    /// `None`: bodies stream.
    pub(super) buffering: Option<Buffering>,
    pub(super) header_timeout: Option<Duration>,
    pub(super) timeout: Option<Duration>,
    pub(super) local_redirects: u8,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            env: ExtraParams::default(),
            scheme: None,
            buffering: None,
            header_timeout: Some(Duration::from_secs(60)),
            timeout: None,
            local_redirects: 0,
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
