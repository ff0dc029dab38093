//! The socket at fd 0.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;

use super::descriptor::{self, FdKind};
use super::listener::FcgiListener;

/// Takes fd 0 for the address `fd:0`.
pub(super) fn take() -> io::Result<FcgiListener> {
    take_listener().map_err(|kind| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "fd 0 is {kind}; it must be a listening socket: start the program from a web server (Apache's mod_fcgid, \
                 lighttpd's bin-path, H2O's fastcgi.spawn) or with spawn-fcgi, or give it an address such as \
                 unix:/run/app.sock or 127.0.0.1:9000"
            ),
        )
    })
}

/// Takes fd 0 if it is a listening socket, and leaves it unchanged otherwise.
pub(super) fn take_listener() -> Result<FcgiListener, FdKind> {
    let listener = descriptor::listener(io::stdin().as_fd().try_clone_to_owned()?)?;
    release();
    Ok(listener)
}

/// Replaces fd 0 by `/dev/null` after its content was taken. Otherwise later reads of stdin, here or in a child process,
/// would interfere.
pub(crate) fn release() {
    let replaced = File::open("/dev/null").and_then(|null| Ok(rustix::stdio::dup2_stdin(null)?));
    if let Err(error) = replaced {
        // A chroot may lack /dev/null. Then fd 0 remains a second handle, which does little harm.
        tracing::debug!(%error, "replacing fd 0 by /dev/null failed");
    }
}
