//! A web server and a way to connect an application to it.

use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};

use test_support::{Version, find_program};

/// How the application is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connected {
    /// By the test, with `serve` on a TCP port.
    Tcp,
    /// By the test, with `serve` on a unix socket.
    Unix,
    /// By the web server, with `serve_auto`.
    Spawned,
    /// By the web server, with `serve_auto`, for each request.
    Cgi,
}

/// What differs from one setup to another.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// Part of its tests' names.
    pub(crate) name: &'static str,
    /// README's first column.
    pub(crate) title: &'static str,
    /// README's column `connected`.
    pub(crate) how: &'static str,
    pub(crate) connected: Connected,
    pub(crate) program: &'static str,
    /// Further programs, and files by their absolute path, that it requires.
    pub(crate) needs: &'static [&'static str],
    /// A command that prints the version.
    pub(crate) version: &'static [&'static str],
    /// The arguments before the configuration's path.
    pub(crate) arguments: &'static [&'static str],
    /// Returns the text of the configuration; may write other files to the prefix.
    pub(crate) config: fn(&Place<'_>) -> String,
    pub(crate) deviations: Vec<Deviation>,
}

/// The addresses and paths in a configuration.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    /// Where the web server must listen.
    pub(crate) address: SocketAddrV4,
    /// The web server's own directory.
    pub(crate) prefix: &'a Path,
    /// Where the application listens, `127.0.0.1:9000` or a path; the path of its program, if the web server
    /// starts it.
    pub(crate) application: &'a str,
    pub(crate) is_root: bool,
}

/// A web server's known deviation from the usual result of a check.
///
/// Each run must see it: if it is gone, the test fails, so that this and README stay true.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deviation {
    pub(crate) check: &'static str,
    /// What the check sees; after the word `sometimes`, the check may also see the usual result.
    pub(crate) instead: &'static str,
    /// The first version with the deviation; empty for all versions.
    pub(crate) since: &'static [u32],
    /// For README: what does not work. Empty if another deviation says it.
    pub(crate) words: &'static str,
}

/// The protocol does not require it. The web server notices a disconnect only if it writes to the client.
pub(crate) const DISCONNECT_NOT_REPORTED: Deviation = Deviation {
    check: "hang_up_while_waiting",
    instead: "not reported",
    since: &[],
    words: "client disconnects (not reported)",
};

/// The web server takes the end of the connection, or of the program, for the end of the response.
pub(crate) const LOOKS_COMPLETE: Deviation = Deviation {
    check: "broken_body_of_no_length",
    instead: "looks complete",
    since: &[],
    words: "a response cut off without Content-Length (looks complete)",
};

/// The same after only the head was sent.
pub(crate) const LOOKS_COMPLETE_AFTER_HEAD: Deviation =
    Deviation { check: "broken_body_right_after_the_head", instead: "looks complete", since: &[], words: "" };

/// What a check has seen of a web server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Usual,
    /// A deviation, which the application cannot prevent.
    Instead(String),
}

impl Seen {
    pub(crate) fn instead(what: impl Into<String>) -> Self {
        Self::Instead(what.into())
    }
}

impl Setup {
    /// The known deviation of the installed version in a check.
    pub(crate) fn deviation(&self, check: &str) -> Option<&Deviation> {
        let deviation = self.deviations.iter().find(|deviation| deviation.check == check)?;
        let applies =
            deviation.since.is_empty() || self.installed_version()? >= Version::from(deviation.since);
        applies.then_some(deviation)
    }

    /// Whether this run includes its web server.
    pub(crate) fn is_wanted(&self) -> bool {
        test_support::is_wanted(self.program)
    }

    /// The path of its program, or an error that names what is missing.
    pub(crate) fn find(&self) -> Result<PathBuf, String> {
        for need in self.needs {
            find_program(&[need])?;
        }
        find_program(&[self.program])
    }

    /// The installed version.
    pub(crate) fn installed_version(&self) -> Option<Version> {
        let (program, arguments) = self.version.split_first()?;
        Version::printed_by(find_program(&[program]).ok()?, arguments)
    }
}
