//! Why a path is not served, for the log.

use std::io;
use std::path::Path;

use tower_fcgi::LogThrottle;

use crate::request_log::{RequestLog, request_event};

/// Why an existing file or directory is neither run nor served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("a symbolic link that is not followed")]
    Symlink,
    #[error("not a script, but the path goes on after its name")]
    NotAScript,
    #[error("not a script, and the gateway has no service for other files")]
    NotServed,
    #[error("not the usual spelling of its path")]
    Spelling,
    #[error("neither a file nor a directory")]
    SpecialFile,
    #[error("its name starts with a dot")]
    Dotfile,
    #[error("a deny rule")]
    Denied,
    #[error("scripts are denied here")]
    ScriptsDenied,
    #[error("the source of a script, by its name")]
    Source,
    #[error("reading its metadata failed: {0}")]
    Unreadable(io::ErrorKind),
}

/// The log of refusals. Scanners cause many, so the number of lines is limited.
#[derive(Debug)]
pub(super) struct RefusalLog {
    refusals: LogThrottle,
    /// Not suppressed by the others: every request fails.
    no_root: LogThrottle,
}

impl Default for RefusalLog {
    fn default() -> Self {
        Self { refusals: LogThrottle::with_lines(20), no_root: LogThrottle::new() }
    }
}

impl RefusalLog {
    /// Logs that `file` was refused.
    pub(super) fn existing(&self, request: &RequestLog, file: &Path, reason: Refusal) {
        if let Some(count) = self.refusals.check() {
            // As `Debug`, because a name can contain line breaks.
            request_event!(
                warn,
                request,
                ?file,
                %reason,
                count,
                "an existing file must not be served: answering 404"
            );
        }
    }

    pub(super) fn front_controller(&self, request: &RequestLog, path: &str) {
        if let Some(count) = self.refusals.check() {
            request_event!(
                warn,
                request,
                path,
                count,
                "the front controller is not a script below the document root: answering 404"
            );
        }
    }

    pub(super) fn no_root(&self, request: &RequestLog, root: &Path, error: &io::Error) {
        if let Some(count) = self.no_root.check() {
            request_event!(
                warn,
                request,
                %error,
                ?root,
                count,
                "the document root cannot be read: answering 500"
            );
        }
    }
}
