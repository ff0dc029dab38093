//! What a mount was told.

use std::time::Duration;

use axum::Router;
use axum::http::uri::Scheme;

use tower_fcgi::client::ExtraParams;

use super::resolver::ScriptResolver;

#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// `None`: the application has no files, but all paths.
    pub(super) files: Option<Files>,
    pub(super) env: ExtraParams,
    pub(super) scheme: Option<Scheme>,
    /// Bytes of a body without a length that are collected, to tell the length; `None`: it is sent as it comes.
    pub(super) collect: Option<usize>,
    pub(super) head_timeout: Option<Duration>,
    pub(super) timeout: Option<Duration>,
    pub(super) local_redirects: u8,
}

#[derive(Debug, Clone)]
pub(super) struct Files {
    pub(super) site: ScriptResolver,
    /// The root as the application knows it, without a slash at its end.
    pub(super) seen_as: Vec<u8>,
    /// Has what is no script.
    pub(super) others: Option<Router>,
}
