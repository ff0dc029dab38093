//! Running out of file descriptors.

use std::io;

#[cfg(unix)]
use rustix::io::Errno;

/// Whether an error means that the process, or the whole system, has no descriptor left.
pub(super) fn is_exhaustion(error: &io::Error) -> bool {
    #[cfg(unix)]
    let codes = [Errno::MFILE, Errno::NFILE].map(Errno::raw_os_error);
    #[cfg(not(unix))]
    // WSAEMFILE.
    let codes = [10_024];
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

/// Whether no descriptor is left now. Opens one to find out.
#[cfg(unix)]
pub(super) fn is_exhausted() -> bool {
    std::os::unix::net::UnixDatagram::unbound().is_err_and(|error| is_exhaustion(&error))
}

#[cfg(not(unix))]
pub(super) const fn is_exhausted() -> bool {
    false
}
