//! The meta-variables of a request that only a web server knows.

use std::borrow::Cow;
use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use axum::http::Extensions;
use tower_fcgi::client::ExtraParams;

use super::mounted::Mounted;
use super::path::decoded;
use super::settings::{Files, Settings};
use super::site::Script;

type Pairs<'a> = Vec<(&'static str, Cow<'a, [u8]>)>;

/// Of a script.
pub(super) fn of_script(
    files: &Files,
    script: &Script,
    at: &Mounted<'_>,
    settings: &Settings,
    extensions: &Extensions,
) -> ExtraParams {
    let root = &files.seen_as[..];
    let name = [&decoded(at.prefix), &script.name[..]].concat();
    let mut pairs: Pairs<'_> = Vec::with_capacity(12);
    pairs.push(("SCRIPT_FILENAME", [root, &script.name].concat().into()));
    pairs.push(("DOCUMENT_ROOT", root.into()));
    pairs.push(("DOCUMENT_URI", [&name[..], &script.path_info].concat().into()));
    pairs.push(("SCRIPT_NAME", name.into()));
    pairs.push(("PATH_INFO", (&script.path_info[..]).into()));
    if !script.path_info.is_empty() {
        pairs.push(("PATH_TRANSLATED", [root, &script.path_info].concat().into()));
    }
    // PHP's CGI program wants to hear that it was not asked by its own URL.
    pairs.push(("REDIRECT_STATUS", b"200"[..].into()));
    with_rest(pairs, settings, extensions)
}

/// Of an application that has all below a path.
pub(super) fn of_application(at: &Mounted<'_>, settings: &Settings, extensions: &Extensions) -> ExtraParams {
    // The prefix alone is the application's own path, and has nothing behind it.
    let path_info = if at.slash { decoded(at.below) } else { Cow::default() };
    let pairs = vec![("SCRIPT_NAME", decoded(at.prefix)), ("PATH_INFO", path_info)];
    with_rest(pairs, settings, extensions)
}

/// With what the connection, the mount and a middleware say, of which the last wins.
fn with_rest(mut pairs: Pairs<'_>, settings: &Settings, extensions: &Extensions) -> ExtraParams {
    if let Some(ConnectInfo(client)) = extensions.get::<ConnectInfo<SocketAddr>>() {
        // A socket for both versions of IP has those of the old one in a form that few applications know.
        pairs.push(("REMOTE_ADDR", client.ip().to_canonical().to_string().into_bytes().into()));
        pairs.push(("REMOTE_PORT", client.port().to_string().into_bytes().into()));
    }
    let none = ExtraParams::default();
    let own = &extensions.get::<ExtraParams>().unwrap_or(&none).0;
    let env = &settings.env.0;
    let ours = pairs.iter().map(|(name, value)| (name.as_bytes(), &value[..]));
    let ours = ours.filter(|(name, _)| env.get(name).is_none() && own.get(name).is_none());
    let env = env.iter().filter(|(name, _)| own.get(name).is_none());
    ExtraParams(ours.chain(env).chain(own).collect())
}
