//! The socket at fd 0.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;

use super::descriptor::{self, FdKind};
use super::listener::FcgiListener;

pub(super) fn take() -> io::Result<FcgiListener> {
    listener().map_err(|unfit| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "fd 0 is {unfit}; where it has to be a socket that listens: start the program from a web server \
                 (Apache's mod_fcgid, lighttpd's bin-path, H2O's fastcgi.spawn) or with spawn-fcgi, or give it an \
                 address such as unix:/run/app.sock or 127.0.0.1:9000"
            ),
        )
    })
}

/// Takes fd 0 if it is a listening socket, and leaves it alone if not.
pub(super) fn listener() -> Result<FcgiListener, FdKind> {
    let taken = descriptor::listener(io::stdin().as_fd().try_clone_to_owned()?)?;
    release();
    Ok(taken)
}

/// Makes fd 0 `/dev/null` once what was there is taken: whoever reads from it later, here or in a process that this
/// one starts, has nothing to do with that.
pub(crate) fn release() {
    let replaced = File::open("/dev/null").and_then(|null| Ok(rustix::stdio::dup2_stdin(null)?));
    if let Err(error) = replaced {
        // In a chroot without it there is a second handle to what was taken, and no more.
        tracing::debug!(%error, "fd 0 could not be replaced by /dev/null");
    }
}
