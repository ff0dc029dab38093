//! The sockets that the process was started with.

use std::io;

use super::descriptor::FdKind;
use super::listener::FcgiListener;
use super::stdin;
use super::systemd::{self, Expected, NotPassed};

/// Who has passed sockets to the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Systemd,
    Stdin,
}

/// Takes the sockets that systemd passes, or else the one at fd 0. The outer error means that there are none.
///
/// A socket that was passed and cannot be used is an error; nothing else is tried.
pub(crate) fn inherited(
    expected: Expected,
) -> Result<io::Result<(Source, Vec<FcgiListener>)>, NoInheritedSocket> {
    let not_passed = match systemd::take(None, expected) {
        Ok(taken) => return Ok(taken.map(|listeners| (Source::Systemd, listeners))),
        Err(not_passed) => not_passed,
    };
    match stdin::take_listener() {
        Ok(listener) => Ok(Ok((Source::Stdin, vec![listener]))),
        Err(stdin) => Err(NoInheritedSocket { not_passed, stdin }),
    }
}

/// Takes the sockets for the address `auto`.
pub(super) fn take(expected: Expected) -> io::Result<Vec<FcgiListener>> {
    let taken = inherited(expected).unwrap_or_else(|none| {
        Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!(
                "the program was not started with a socket to listen on: {none}; start it from a systemd .socket unit, \
                 from a web server (Apache's mod_fcgid, lighttpd's bin-path, H2O's fastcgi.spawn) or with spawn-fcgi, \
                 or give it an address such as unix:/run/app.sock or 127.0.0.1:9000"
            ),
        ))
    });
    taken.map(|(_, listeners)| listeners)
}

/// The process was not started with a socket.
#[derive(Debug, thiserror::Error)]
#[error("{not_passed}, and fd 0 is {stdin}")]
pub(crate) struct NoInheritedSocket {
    not_passed: NotPassed,
    stdin: FdKind,
}
