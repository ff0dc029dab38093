//! Whatever the process was started with.

use std::io;

use super::FcgiListener;
use super::stdin;
use super::systemd::{self, Absent, Want};

/// What systemd passes to this process, or else what is at fd 0.
///
/// Sockets that are passed but cannot be used are an error, not a reason to look further.
pub(super) fn take(want: Want) -> io::Result<Vec<FcgiListener>> {
    let absent: Absent = match systemd::take(None, want) {
        Ok(taken) => return taken,
        Err(absent) => absent,
    };
    let unfit = match stdin::listener() {
        Ok(listener) => return Ok(vec![listener]),
        Err(unfit) => unfit,
    };
    Err(io::Error::new(
        io::ErrorKind::NotFound,
        format!(
            "the program was not started with a socket to listen at: {absent}, and fd 0 is {unfit}; start it from \
             a systemd .socket unit, from a web server (Apache's mod_fcgid, lighttpd's bin-path, H2O's \
             fastcgi.spawn) or with spawn-fcgi, or give it an address such as unix:/run/app.sock or 127.0.0.1:9000"
        ),
    ))
}
