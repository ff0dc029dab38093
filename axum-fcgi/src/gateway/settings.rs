//! The settings of a gateway.

use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::uri::Scheme;
use http_body::Body as _;

use tower_fcgi::client::ExtraParams;

use super::internal_headers::InternalHeaders;
use super::resolver::ScriptResolver;
use super::spool::Buffering;
use crate::forwarded::TrustedProxies;

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) env: ExtraParams,
    pub(super) scheme: Option<Scheme>,
    pub(super) trusted_proxies: Option<TrustedProxies>,
    /// `None`: bodies stream.
    pub(super) buffering: Option<Buffering>,
    pub(super) header_timeout: Option<Duration>,
    /// Between two parts of a response's body.
    pub(super) read_timeout: Option<Duration>,
    pub(super) timeout: Option<Duration>,
    pub(super) local_redirects: u8,
    pub(super) internal_headers: InternalHeaders,
}

impl Settings {
    /// Whether the body of this request may be collected before the application is called.
    pub(super) fn collects(&self, request: &Request) -> bool {
        self.buffering.is_some() && !request.body().is_end_stream()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            env: ExtraParams::default(),
            scheme: None,
            trusted_proxies: None,
            buffering: None,
            header_timeout: Some(Duration::from_secs(60)),
            read_timeout: Some(Duration::from_secs(60)),
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
    pub(super) application_root: ApplicationRoot,
    /// Serves files that are not scripts.
    pub(super) static_files: Option<Router>,
}

/// The document root in the variables of a script.
#[derive(Debug, Clone)]
pub(super) enum ApplicationRoot {
    /// The one in which the script was found, without symbolic links.
    Resolved,
    /// This one, without a trailing slash.
    Fixed(Vec<u8>),
}

impl ApplicationRoot {
    pub(super) fn fixed(path: &Path) -> Self {
        Self::Fixed(without_trailing_slash(path).to_vec())
    }

    /// The root without a trailing slash: names that start with a slash are appended to it.
    pub(super) fn of<'a>(&'a self, resolved: &'a Path) -> &'a [u8] {
        match self {
            Self::Resolved => without_trailing_slash(resolved),
            Self::Fixed(root) => root,
        }
    }
}

fn without_trailing_slash(path: &Path) -> &[u8] {
    let mut bytes = path.as_os_str().as_encoded_bytes();
    while let [rest @ .., b'/'] = bytes {
        bytes = rest;
    }
    bytes
}
