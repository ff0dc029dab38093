//! Front controllers: one program for many paths, to which the web server rewrites them.

use fcgi_core::Params;

use super::path::{EncodedSlash, Path};
use super::sent::Sent;
use super::{Target, TargetContext};
use crate::server::request_target::TargetSettings;

/// What a front controller is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Controlled<'a> {
    /// The client's own path.
    Sent,
    /// The path from before the internal redirect to it.
    Before(Path<'a>),
}

/// Why a request to another path than the client's is one to a front controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// The settings name it.
    Named,
    /// It is this very program, which the web server started for that path.
    OwnProgram,
}

/// What is asked for where the web server `decided` on a front controller; `None`: it is no front controller.
///
/// An error document (REDIRECT_STATUS 403) is none: its handler would run for a path that the web server denied. A
/// front controller that lighttpd runs for missing files has the status 404.
pub(super) fn controlled<'a>(
    target: &Target<'a>,
    sent: Sent<'a>,
    decided: Path<'a>,
    params: &'a Params,
    context: TargetContext<'_>,
) -> Option<Controlled<'a>> {
    let status = params.get("REDIRECT_STATUS");
    let Some(reason) = reason(target, sent, decided, status, params, context) else {
        let script = if target.script_name.is_empty() { decided.parts()[0] } else { target.script_name };
        if !context.settings.is_named(script) && looks_like_a_program(script) {
            context.settings.warned.front_controller(script, target.request_uri);
        }
        return None;
    };
    let before = params.get("REDIRECT_URL").filter(|before| status == Some(b"200") && !before.is_empty());
    match before {
        Some(before) => Some(Controlled::Before(Path::new([before, b""]))),
        None if reason == Reason::Named || ends_with(sent, target.path_info.unwrap_or_default()) => {
            Some(Controlled::Sent)
        }
        None => None,
    }
}

fn reason(
    target: &Target<'_>,
    sent: Sent<'_>,
    decided: Path<'_>,
    status: Option<&[u8]>,
    params: &Params,
    context: TargetContext<'_>,
) -> Option<Reason> {
    let settings = context.settings;
    let is_named = settings.is_named(target.script_name)
        || settings.front_controllers.iter().any(|own| decided.is(own.as_bytes()));
    if is_named && matches!(status, None | Some(b"200" | b"404")) {
        return Some(Reason::Named);
    }
    let is_own = || context.program.is(params.get("SCRIPT_FILENAME").unwrap_or_default());
    let is_own = matches!(status, None | Some(b"200")) && !is_below(sent, target.script_name) && is_own();
    is_own.then_some(Reason::OwnProgram)
}

impl TargetSettings {
    fn is_named(&self, script: &[u8]) -> bool {
        self.front_controllers.iter().any(|own| own.as_bytes() == script)
    }
}

/// Whether the client named the program itself.
fn is_below(sent: Sent<'_>, script_name: &[u8]) -> bool {
    let mut path = sent.merged(EncodedSlash::Decode);
    script_name.iter().all(|byte| path.next() == Some(*byte)) && matches!(path.next(), None | Some(b'/'))
}

fn ends_with(sent: Sent<'_>, path_info: &[u8]) -> bool {
    let path: Vec<u8> = sent.merged(EncodedSlash::Decode).collect();
    path.ends_with(path_info)
}

fn looks_like_a_program(script: &[u8]) -> bool {
    script.ends_with(b".fcgi") || script.ends_with(b".cgi")
}
