//! The meta-variables that only a web server knows.

use axum::http::Extensions;
use tower_fcgi::client::ExtraParams;

use super::client_connection::{ClientConnection, Pair};
use super::mount_path::MountPath;
use super::resolver::Script;
use super::segment::decode;
use super::settings::{Files, Settings};

/// The variables for a script.
pub(super) fn script_variables(
    files: &Files,
    script: &Script,
    path: &MountPath<'_>,
    settings: &Settings,
    extensions: &Extensions,
    connection: &ClientConnection<'_>,
) -> ExtraParams {
    let root = files.application_root.of(&script.root);
    let prefix = decode(path.prefix);
    let uri = concat([&prefix, &script.name, &script.path_info]);
    let (name, path_info) = uri.split_at(prefix.len() + script.name.len());
    let file = concat([root, &script.name]);
    let translated = if path_info.is_empty() { Vec::new() } else { concat([root, path_info]) };
    let pairs = [
        Some(("SCRIPT_FILENAME", &file[..])),
        Some(("DOCUMENT_ROOT", root)),
        Some(("DOCUMENT_URI", &uri[..])),
        Some(("SCRIPT_NAME", name)),
        Some(("PATH_INFO", path_info)),
        (!path_info.is_empty()).then_some(("PATH_TRANSLATED", &translated[..])),
        // PHP's CGI program rejects requests without it (cgi.force_redirect).
        Some(("REDIRECT_STATUS", b"200")),
    ];
    with_overrides(pairs, settings, extensions, connection)
}

/// Like `[_]::concat`, which is slower for a few bytes.
fn concat<const N: usize>(parts: [&[u8]; N]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        joined.extend_from_slice(part);
    }
    joined
}

/// The variables for an application that handles all paths itself.
pub(super) fn application_variables(
    path: &MountPath<'_>,
    settings: &Settings,
    extensions: &Extensions,
    connection: &ClientConnection<'_>,
) -> ExtraParams {
    // The prefix alone has no PATH_INFO.
    let path_info = if path.has_slash { decode(path.rest) } else { Default::default() };
    let script_name = decode(path.prefix);
    with_overrides(
        [Some(("SCRIPT_NAME", &script_name[..])), Some(("PATH_INFO", &path_info))],
        settings,
        extensions,
        connection,
    )
}

/// Adds those of the client's connection, the mount's `env` and a middleware's `ExtraParams`. Of several with one name, the last
/// wins.
fn with_overrides<const N: usize>(
    pairs: [Pair<'_>; N],
    settings: &Settings,
    extensions: &Extensions,
    connection: &ClientConnection<'_>,
) -> ExtraParams {
    let none = ExtraParams::default();
    let extra = &extensions.get::<ExtraParams>().unwrap_or(&none).0;
    let env = &settings.env.0;
    let computed = pairs
        .into_iter()
        .chain(connection.variables())
        .flatten()
        .map(|(name, value)| (name.as_bytes(), value));
    if extra.is_empty() && env.is_empty() {
        return ExtraParams(computed.collect());
    }
    let computed = computed.filter(|(name, _)| env.get(name).is_none() && extra.get(name).is_none());
    let env = env.iter().filter(|(name, _)| extra.get(name).is_none());
    ExtraParams(computed.chain(env).chain(extra).collect())
}
