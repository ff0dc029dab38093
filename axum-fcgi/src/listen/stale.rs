//! Removes a stale socket file before a new socket is bound.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

/// Removes the socket at `path` if no process listens on it.
///
/// The path must be locked: a socket that another process has bound, and does not listen on yet, looks stale.
///
/// # Errors
/// If `path` is not a socket, a process listens on it, or that cannot be determined.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "the existing file is not a socket and is not replaced; remove it or choose another path",
        ));
    }
    if is_live(path)? {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there"));
    }
    fs::remove_file(path)
}

/// Whether a process listens on `path`. Connects to check this, which is harmless: the server sees a connection that closes
/// without a request.
fn is_live(path: &Path) -> io::Result<bool> {
    let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    // Otherwise connecting would block while the server's backlog is full.
    rustix::io::ioctl_fionbio(&socket, true)?;
    match rustix::net::connect(&socket, &SocketAddrUnix::new(path)?) {
        Ok(()) | Err(Errno::AGAIN) => Ok(true),
        Err(Errno::CONNREFUSED) => Ok(false),
        Err(error) => {
            let error = io::Error::from(error);
            let text = format!("cannot determine whether another process listens there: {error}");
            Err(io::Error::new(error.kind(), text))
        }
    }
}
