//! Whatever the process was started with.

use std::fmt;
use std::io;

use super::descriptor::FdKind;
use super::listener::FcgiListener;
use super::stdin;
use super::systemd::{self, Expected, NotPassed};

/// What systemd passes to this process, or else what is at fd 0; the outer error is that there is neither.
///
/// Sockets that are passed but cannot be used are an error, not a reason to look further.
pub(crate) fn inherited(want: Expected) -> Result<io::Result<Vec<FcgiListener>>, NoInheritedSocket> {
    let absent = match systemd::take(None, want) {
        Ok(taken) => return Ok(taken),
        Err(absent) => absent,
    };
    match stdin::listener() {
        Ok(listener) => Ok(Ok(vec![listener])),
        Err(unfit) => Err(NoInheritedSocket { absent, unfit }),
    }
}

/// The same, for the address `auto`.
pub(super) fn take(want: Expected) -> io::Result<Vec<FcgiListener>> {
    inherited(want).unwrap_or_else(|nothing| {
        Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!(
                "the program was not started with a socket to listen at: {nothing}; start it from a systemd .socket \
                 unit, from a web server (Apache's mod_fcgid, lighttpd's bin-path, H2O's fastcgi.spawn) or with \
                 spawn-fcgi, or give it an address such as unix:/run/app.sock or 127.0.0.1:9000"
            ),
        ))
    })
}

/// The process was not started with a socket.
#[derive(Debug)]
pub(crate) struct NoInheritedSocket {
    absent: NotPassed,
    unfit: FdKind,
}

impl fmt::Display for NoInheritedSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, and fd 0 is {}", self.absent, self.unfit)
    }
}
