//! The request's target: from the meta-variables to a [`Uri`].

mod classes;
mod decided;
mod encode;
mod front_controller;
mod own_program;
mod path;
#[cfg(test)]
mod recorded;
mod sent;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use fcgi_core::{Params, Role};
use http::uri::PathAndQuery;
use http::{StatusCode, Uri};

pub(crate) use self::own_program::OwnProgram;
use self::path::Path;
use self::sent::Sent;
use super::strip_prefix::strip_prefix;
use crate::server::failure::Failure;
use crate::server::request_target::{RequestTarget, TargetSettings};

/// The longest target that [`Uri`] takes, in bytes.
const MAX_BYTES: usize = 65_534;

/// The meta-variables that most targets are made of.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Target<'a> {
    /// What the client sent. No standard has it, all web servers do.
    pub(super) request_uri: &'a [u8],
    /// RFC 3875 §4.1.13, decoded; empty if absent.
    pub(super) script_name: &'a [u8],
    /// RFC 3875 §4.1.5, decoded.
    pub(super) path_info: Option<&'a [u8]>,
    /// RFC 3875 §4.1.7, as sent.
    pub(super) query_string: Option<&'a [u8]>,
    /// RFC 3875 §4.1.16; empty if absent.
    pub(super) protocol: &'a [u8],
}

/// What else decides a request's target.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TargetContext<'a> {
    pub(crate) settings: &'a TargetSettings,
    pub(crate) program: OwnProgram,
    pub(crate) role: Role,
}

impl<'a> Target<'a> {
    /// The whole target.
    pub(super) fn whole(&self, params: &Params, context: TargetContext<'_>) -> Result<Uri, Failure> {
        if self.request_uri == b"*" {
            // RFC 9112 §3.2.4: it is about the server, not about a path.
            return Ok(Uri::from_static("*"));
        }
        match context.settings.target {
            RequestTarget::RequestUri if !self.request_uri.is_empty() => {
                let sent = Sent::parse(self.request_uri)?;
                sent.to_uri(sent.query, params)
            }
            RequestTarget::RequestUri | RequestTarget::ScriptNameAndPathInfo => {
                encoded(self.path(), self.query_string)
            }
            _ => self.decided(params, context),
        }
    }

    /// The target where it is a part of the `whole`; `None`: the whole is the target.
    pub(super) fn part(&self, whole: &Uri, target: &RequestTarget) -> Result<Option<Uri>, Failure> {
        let prefix = match target {
            RequestTarget::Decided | RequestTarget::RequestUri | RequestTarget::ScriptNameAndPathInfo => {
                return Ok(None);
            }
            _ if whole.path() == "*" => return Ok(Some(whole.clone())),
            RequestTarget::PathInfo => {
                let path = Path::new([self.path_info.unwrap_or_default(), b""]);
                return encoded(path, self.query_string).map(Some);
            }
            RequestTarget::StripPrefix(prefix) => prefix.as_bytes(),
            RequestTarget::StripScriptName => self.script_name,
        };
        let target = whole.path_and_query().map_or("", PathAndQuery::as_str).as_bytes();
        let Some(rest) = strip_prefix(target, prefix) else {
            return Err(Failure::Request(StatusCode::NOT_FOUND, "the target is not below the prefix"));
        };
        let slash: &[u8] = if rest.starts_with(b"/") { b"" } else { b"/" };
        to_uri([slash, rest].concat().into()).map(Some)
    }

    /// SCRIPT_NAME and PATH_INFO. Apache's SSI repeats PATH_INFO in SCRIPT_NAME.
    fn path(&self) -> Path<'a> {
        let path_info = if self.is_included() { b"" } else { self.path_info.unwrap_or_default() };
        Path::new([self.script_name, path_info])
    }

    fn is_included(&self) -> bool {
        self.protocol == b"INCLUDED"
    }
}

/// A target of a decoded path. Dot segments are not resolved: the web server's rules saw the path with them.
fn encoded(path: Path<'_>, query: Option<&[u8]>) -> Result<Uri, Failure> {
    if path.has_dot_segment() {
        return Err(dot_segment());
    }
    to_uri(encode::decoded_path(path, query))
}

fn dot_segment() -> Failure {
    Failure::Request(StatusCode::BAD_REQUEST, "the request target has a dot segment")
}

fn to_uri(target: Bytes) -> Result<Uri, Failure> {
    if target.len() > MAX_BYTES {
        return Err(Failure::Request(StatusCode::URI_TOO_LONG, "the request target is too long"));
    }
    let bad = |_| Failure::Request(StatusCode::BAD_REQUEST, "invalid request target");
    Uri::from_maybe_shared(target).map_err(bad)
}
