//! A web server and a way to connect an application to it.

use std::env;
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};

use test_support::Version;

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
    /// In the names of its tests.
    pub(crate) name: &'static str,
    /// In README.
    pub(crate) title: &'static str,
    /// In README: how it is connected.
    pub(crate) how: &'static str,
    pub(crate) connected: Connected,
    pub(crate) program: &'static str,
    /// Further programs, and files by their whole path, without which it does not run.
    pub(crate) needs: &'static [&'static str],
    /// A command that tells the version.
    pub(crate) version: &'static [&'static str],
    /// What stands before the configuration's path.
    pub(crate) arguments: &'static [&'static str],
    /// The text of the configuration; may write other files to the prefix.
    pub(crate) config: fn(&Place<'_>) -> String,
    pub(crate) deviations: Vec<Deviation>,
}

/// Where all is that a configuration names.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    /// Where the web server is to listen.
    pub(crate) address: SocketAddrV4,
    /// A directory of its own.
    pub(crate) prefix: &'a Path,
    /// Where the application listens: `127.0.0.1:9000`, or a path; its program, where it is spawned.
    pub(crate) application: &'a str,
    pub(crate) is_root: bool,
}

/// What a web server is known to do in a check instead of what is usual.
///
/// It has to be seen in each run: one that is gone is a failure, so that this and README tell how it is now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deviation {
    pub(crate) check: &'static str,
    /// What the check sees; behind the word `sometimes` it may see the usual as well.
    pub(crate) instead: &'static str,
    /// The first version that does so; empty for all of them.
    pub(crate) since: &'static [u32],
    /// For README: what does not work. Empty where another one says it.
    pub(crate) words: &'static str,
}

/// No web server has to tell, and where nothing is written nothing fails.
pub(crate) const NOT_TOLD: Deviation = Deviation {
    check: "hang_up_while_waiting",
    instead: "not told",
    since: &[],
    words: "a client's leaving, for a handler that waits",
};

/// The end of a connection, or of a program, is the end of an answer.
pub(crate) const LOOKS_WHOLE: Deviation = Deviation {
    check: "broken_body_of_no_length",
    instead: "looks whole",
    since: &[],
    words: "a cut-off, for the client, without Content-Length",
};

/// The same: it tells neither of this.
pub(crate) const LOOKS_EMPTY: Deviation =
    Deviation { check: "broken_body_right_behind_the_head", instead: "looks whole", since: &[], words: "" };

/// How a web server does what a check is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Usual,
    /// In a way of its own, which the application cannot help.
    Instead(String),
}

impl Seen {
    pub(crate) fn instead(what: impl Into<String>) -> Self {
        Self::Instead(what.into())
    }
}

impl Setup {
    /// What is expected in a check of the version that is installed.
    pub(crate) fn deviation(&self, check: &str) -> Option<&Deviation> {
        let deviation = self.deviations.iter().find(|deviation| deviation.check == check)?;
        let is_so = deviation.since.is_empty() || self.installed_version()? >= Version::from(deviation.since);
        is_so.then_some(deviation)
    }

    /// Whether this run is about its web server.
    pub(crate) fn is_wanted(&self) -> bool {
        test_support::is_wanted(self.program)
    }

    /// Where its program is; or what is missing.
    pub(crate) fn find(&self) -> Result<PathBuf, String> {
        for need in self.needs {
            find(need).ok_or_else(|| format!("no {need}"))?;
        }
        find(self.program).ok_or_else(|| format!("no {}", self.program))
    }

    /// The version of what is installed.
    pub(crate) fn installed_version(&self) -> Option<Version> {
        let (program, arguments) = self.version.split_first()?;
        Version::printed_by(find(program)?, arguments)
    }
}

/// Distributions put web servers into a directory for the superuser's programs, which is not in the PATH of
/// others.
fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|program| program.is_file())
}
