//! Front controllers: one program to which the web server rewrites many paths.

use fcgi_core::Params;

use super::path::{EncodedSlash, Path};
use super::request_uri::SentTarget;
use super::variables::{TargetContext, TargetVariables};

/// The path that a front controller serves.
#[derive(Debug, Clone, Copy)]
pub(super) enum ControlledPath<'a> {
    /// The client's own.
    Client,
    /// The path before the internal redirect to the front controller.
    BeforeRedirect(Path<'a>),
}

/// Why a script is a front controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// The settings name it.
    Named,
    /// It is this program itself, which the web server started for that path.
    OwnProgram,
}

/// The path that a front controller serves; `None` if the `decided` path is not that of a front controller.
///
/// An error document (REDIRECT_STATUS 403) is not one: its handler would run for a path that the web server denied. A
/// front controller that lighttpd runs for missing files has the status 404.
pub(super) fn controlled_path<'a>(
    variables: &TargetVariables<'a>,
    client: SentTarget<'a>,
    decided: Path<'a>,
    params: &'a Params,
    context: TargetContext<'_>,
) -> Option<ControlledPath<'a>> {
    let status = params.get("REDIRECT_STATUS");
    let Some(reason) = reason(variables, client, decided, status, params, context) else {
        let script =
            if variables.script_name.is_empty() { decided.parts()[0] } else { variables.script_name };
        if !context.settings.is_front_controller(script) && looks_like_a_program(script) {
            context.settings.warned.front_controller(script, context.log);
        }
        return None;
    };
    let before = params.get("REDIRECT_URL").filter(|before| status == Some(b"200") && !before.is_empty());
    match before {
        Some(before) => Some(ControlledPath::BeforeRedirect(Path::new([before, b""]))),
        None if reason == Reason::Named || ends_with(client, variables.path_info.unwrap_or_default()) => {
            Some(ControlledPath::Client)
        }
        None => None,
    }
}

fn reason(
    variables: &TargetVariables<'_>,
    client: SentTarget<'_>,
    decided: Path<'_>,
    status: Option<&[u8]>,
    params: &Params,
    context: TargetContext<'_>,
) -> Option<Reason> {
    let settings = context.settings;
    let is_named = settings.is_front_controller(variables.script_name)
        || settings.front_controllers.iter().any(|own| decided.is(own.as_bytes()));
    if is_named && matches!(status, None | Some(b"200" | b"404")) {
        return Some(Reason::Named);
    }
    let is_own = || context.program.is(params.get("SCRIPT_FILENAME").unwrap_or_default());
    let is_own =
        matches!(status, None | Some(b"200")) && !is_below(client, variables.script_name) && is_own();
    is_own.then_some(Reason::OwnProgram)
}

/// Whether the client's path is `script_name` or below it: the client named the program itself.
fn is_below(client: SentTarget<'_>, script_name: &[u8]) -> bool {
    let mut path = client.normalized(EncodedSlash::Decode);
    script_name.iter().all(|byte| path.next() == Some(*byte)) && matches!(path.next(), None | Some(b'/'))
}

fn ends_with(client: SentTarget<'_>, path_info: &[u8]) -> bool {
    let path: Vec<u8> = client.normalized(EncodedSlash::Decode).collect();
    path.ends_with(path_info)
}

fn looks_like_a_program(script: &[u8]) -> bool {
    script.ends_with(b".fcgi") || script.ends_with(b".cgi")
}
