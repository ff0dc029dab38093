//! The meta-variables and settings that determine a target.

use fcgi_core::Role;

use super::own_program::OwnProgram;
use super::path::Path;
use crate::cgi::request_target::{TargetLog, TargetSettings};

/// The meta-variables that determine most targets.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::cgi) struct TargetVariables<'a> {
    /// The target that the client sent. No standard defines it, but every web server sends it.
    pub(in crate::cgi) request_uri: &'a [u8],
    /// RFC 3875 §4.1.13, decoded; empty if absent.
    pub(in crate::cgi) script_name: &'a [u8],
    /// RFC 3875 §4.1.5, decoded.
    pub(in crate::cgi) path_info: Option<&'a [u8]>,
    /// RFC 3875 §4.1.7, as sent.
    pub(in crate::cgi) query_string: Option<&'a [u8]>,
    /// RFC 3875 §4.1.16; empty if absent.
    pub(in crate::cgi) protocol: &'a [u8],
}

/// The settings and the role on which a request's target depends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TargetContext<'a> {
    pub(crate) settings: &'a TargetSettings,
    pub(crate) program: OwnProgram,
    pub(crate) role: Role,
    pub(crate) log: &'a dyn TargetLog,
}

impl<'a> TargetVariables<'a> {
    /// SCRIPT_NAME and PATH_INFO. Apache's SSI repeats PATH_INFO in SCRIPT_NAME.
    pub(super) fn path(&self) -> Path<'a> {
        let path_info = if self.is_included() { b"" } else { self.path_info.unwrap_or_default() };
        Path::new([self.script_name, path_info])
    }

    /// Whether SSI includes the response in a page (RFC 3875 §4.1.16).
    pub(super) fn is_included(&self) -> bool {
        self.protocol == b"INCLUDED"
    }
}
