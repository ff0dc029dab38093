//! Turns an inherited descriptor into a listener.

use std::fs::{File, Metadata};
use std::io::{self, IsTerminal as _};
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::UnixListener;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, getpeername, getsockname};

use super::listener::FcgiListener;

/// The kind of a descriptor that is not a listening socket.
#[derive(Debug, thiserror::Error)]
pub(super) enum FdKind {
    #[error("closed, or /dev/null")]
    Nothing,
    #[error("a terminal")]
    Terminal,
    #[error("a pipe")]
    Pipe,
    #[error("a file")]
    File,
    #[error("a directory")]
    Directory,
    #[error("a device")]
    Device,
    #[error("a connected socket, not a listening one")]
    Connected,
    /// Possibly bound, but `listen` was not called.
    #[error("a socket that does not listen")]
    NotListening,
    #[error("neither a TCP nor a unix stream socket")]
    OtherSocket,
    #[error("unreadable ({0})")]
    Unknown(io::Error),
}

impl From<io::Error> for FdKind {
    fn from(error: io::Error) -> Self {
        // EBADF has no `ErrorKind`.
        if Errno::from_io_error(&error) == Some(Errno::BADF) { Self::Nothing } else { Self::Unknown(error) }
    }
}

impl From<Errno> for FdKind {
    fn from(error: Errno) -> Self {
        Self::from(io::Error::from(error))
    }
}

/// Turns a descriptor into a listener if it is a listening socket; closes it otherwise.
pub(super) fn listener(fd: OwnedFd) -> Result<FcgiListener, FdKind> {
    if fd.is_terminal() {
        return Err(FdKind::Terminal);
    }
    let file = File::from(fd);
    let metadata = file.metadata()?;
    let file_type = metadata.file_type();
    match () {
        () if file_type.is_socket() => socket(file.into()),
        () if file_type.is_fifo() => Err(FdKind::Pipe),
        () if file_type.is_file() => Err(FdKind::File),
        () if file_type.is_dir() => Err(FdKind::Directory),
        () if is_null(&metadata) => Err(FdKind::Nothing),
        () => Err(FdKind::Device),
    }
}

/// Rust's runtime opens a closed standard descriptor as `/dev/null` before `main`.
fn is_null(metadata: &Metadata) -> bool {
    std::fs::metadata("/dev/null").is_ok_and(|null| null.rdev() == metadata.rdev())
}

fn socket(fd: OwnedFd) -> Result<FcgiListener, FdKind> {
    // FastCGI §2.2: getpeername on the listening socket of a FastCGI application fails with ENOTCONN.
    match getpeername(&fd) {
        Err(Errno::NOTCONN) => {}
        Ok(_) => return Err(FdKind::Connected),
        Err(error) => return Err(error.into()),
    }
    if rustix::net::sockopt::socket_type(&fd)? != SocketType::STREAM {
        return Err(FdKind::OtherSocket);
    }
    // Not in the specification. Without it, accept would fail again and again.
    if !listens(&fd)? {
        return Err(FdKind::NotListening);
    }
    match getsockname(&fd)?.address_family() {
        AddressFamily::INET | AddressFamily::INET6 => {
            let listener = TcpListener::from(fd);
            listener.set_nonblocking(true)?;
            Ok(tokio::net::TcpListener::from_std(listener)?.into())
        }
        AddressFamily::UNIX => {
            let listener = UnixListener::from(fd);
            listener.set_nonblocking(true)?;
            Ok(tokio::net::UnixListener::from_std(listener)?.into())
        }
        _ => Err(FdKind::OtherSocket),
    }
}

#[cfg(not(target_vendor = "apple"))]
fn listens(fd: impl AsFd) -> Result<bool, Errno> {
    rustix::net::sockopt::socket_acceptconn(fd)
}

/// Always true: Apple's systems have no SO_ACCEPTCONN, so the specification's test (FastCGI §2.2) must suffice.
#[cfg(target_vendor = "apple")]
fn listens(_fd: impl AsFd) -> Result<bool, Errno> {
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixDatagram, UnixStream};

    use super::*;

    #[tokio::test]
    async fn only_a_listening_socket_becomes_a_listener() {
        let (pipe, _writer) = io::pipe().unwrap();
        let (connected, _peer) = UnixStream::pair().unwrap();
        let unlistened = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        let cases: [(OwnedFd, &str); 7] = [
            (pipe.into(), "a pipe"),
            (File::open(std::env::current_exe().unwrap()).unwrap().into(), "a file"),
            (File::open("/").unwrap().into(), "a directory"),
            (File::open("/dev/null").unwrap().into(), "closed, or /dev/null"),
            (File::open("/dev/zero").unwrap().into(), "a device"),
            (connected.into(), "a connected socket, not a listening one"),
            (unlistened, "a socket that does not listen"),
        ];
        for (fd, expected) in cases {
            assert_eq!(listener(fd).unwrap_err().to_string(), expected);
        }
        let datagram = UnixDatagram::unbound().unwrap();
        let kind = listener(datagram.into()).unwrap_err();
        assert_eq!(kind.to_string(), "neither a TCP nor a unix stream socket");
    }

    #[tokio::test]
    async fn ipv4_and_ipv6_listening_sockets_are_taken() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            // Not every machine has IPv6.
            let Ok(tcp) = TcpListener::bind(address) else { continue };
            let expected = tcp.local_addr().unwrap().to_string();
            assert_eq!(listener(tcp.into()).unwrap().local_addr().unwrap().to_string(), expected);
        }
    }
}
