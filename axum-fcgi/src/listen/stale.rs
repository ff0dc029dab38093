//! What is in the way of a socket's file.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

use super::socket_file::Identity;

/// Removes the socket at `path` if nobody listens there any more.
///
/// # Errors
/// When there is something else than a socket, somebody listens, or it cannot be told.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "what is there is no socket, and is not replaced by one",
        ));
    }
    if is_live(path)? {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there"));
    }
    // Another process that has just replaced the stale one must not lose its socket.
    if Identity::at(path).map_err(replaced)? != Identity::of(&metadata) {
        return Err(replaced(io::ErrorKind::NotFound.into()));
    }
    fs::remove_file(path).map_err(replaced)
}

/// What it means when a file is gone that was there a moment before.
pub(super) fn replaced(error: io::Error) -> io::Error {
    if error.kind() != io::ErrorKind::NotFound {
        return error;
    }
    io::Error::new(io::ErrorKind::AddrInUse, "another process has just begun to listen there")
}

/// Whether somebody listens at `path`. Asked by connecting, which is harmless to a server: it looks like a
/// web server that changed its mind.
fn is_live(path: &Path) -> io::Result<bool> {
    let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    // Or it would wait for a server whose backlog is full.
    rustix::io::ioctl_fionbio(&socket, true)?;
    match rustix::net::connect(&socket, &SocketAddrUnix::new(path)?) {
        Ok(()) | Err(Errno::AGAIN) => Ok(true),
        Err(Errno::CONNREFUSED) => Ok(false),
        Err(Errno::NOENT) => Err(replaced(io::ErrorKind::NotFound.into())),
        Err(error) => {
            let error = io::Error::from(error);
            Err(io::Error::new(
                error.kind(),
                format!("whether another process listens there cannot be told: {error}"),
            ))
        }
    }
}
