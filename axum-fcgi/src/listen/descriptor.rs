//! What a descriptor that the process was started with is.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, IsTerminal as _};
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::UnixListener;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, getpeername, getsockname};

use super::listener::FcgiListener;

/// Why a descriptor is no listening socket.
#[derive(Debug)]
pub(super) enum FdKind {
    Nothing,
    Terminal,
    Pipe,
    File,
    Directory,
    Device,
    Connected,
    /// Bound perhaps, but `listen` was not called.
    NotListening,
    /// A socket, but not of TCP, and no unix stream.
    OtherSocket,
    Unknown(io::Error),
}

impl fmt::Display for FdKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "closed, or /dev/null",
            Self::Terminal => "a terminal",
            Self::Pipe => "a pipe",
            Self::File => "a file",
            Self::Directory => "a directory",
            Self::Device => "a device",
            Self::Connected => "a socket that is connected, not one that listens",
            Self::NotListening => "a socket that does not listen",
            Self::OtherSocket => "a socket that is neither of TCP nor a unix stream",
            Self::Unknown(error) => return write!(f, "unreadable ({error})"),
        })
    }
}

impl From<io::Error> for FdKind {
    fn from(error: io::Error) -> Self {
        // EBADF has no kind of its own.
        if Errno::from_io_error(&error) == Some(Errno::BADF) { Self::Nothing } else { Self::Unknown(error) }
    }
}

impl From<Errno> for FdKind {
    fn from(error: Errno) -> Self {
        Self::from(io::Error::from(error))
    }
}

/// Makes a listener of a descriptor if it is a listening socket, and closes it if not.
pub(super) fn listener(fd: OwnedFd) -> Result<FcgiListener, FdKind> {
    if fd.is_terminal() {
        return Err(FdKind::Terminal);
    }
    let file = File::from(fd);
    let metadata = file.metadata()?;
    let kind = metadata.file_type();
    match () {
        () if kind.is_socket() => socket(file.into()),
        () if kind.is_fifo() => Err(FdKind::Pipe),
        () if kind.is_file() => Err(FdKind::File),
        () if kind.is_dir() => Err(FdKind::Directory),
        () if is_null(&metadata) => Err(FdKind::Nothing),
        () => Err(FdKind::Device),
    }
}

/// A standard descriptor that is closed is opened as `/dev/null` before `main`, by Rust's library.
fn is_null(metadata: &Metadata) -> bool {
    std::fs::metadata("/dev/null").is_ok_and(|null| null.rdev() == metadata.rdev())
}

fn socket(fd: OwnedFd) -> Result<FcgiListener, FdKind> {
    // FastCGI §2.2: the socket of a FastCGI application is one for which getpeername fails with ENOTCONN.
    match getpeername(&fd) {
        Err(Errno::NOTCONN) => {}
        Ok(_) => return Err(FdKind::Connected),
        Err(error) => return Err(error.into()),
    }
    if rustix::net::sockopt::socket_type(&fd)? != SocketType::STREAM {
        return Err(FdKind::OtherSocket);
    }
    // Beyond the specification's test: to accept on one that does not listen fails, again and again.
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

/// The system has no such question, so the specification's test is all there is.
#[cfg(target_vendor = "apple")]
fn listens(_fd: impl AsFd) -> Result<bool, Errno> {
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixDatagram, UnixStream};

    use super::*;

    #[tokio::test]
    async fn a_listening_socket_is_told_from_everything_else() {
        let (pipe, _writer) = io::pipe().unwrap();
        let (connected, _peer) = UnixStream::pair().unwrap();
        let silent = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        let cases: [(OwnedFd, &str); 7] = [
            (pipe.into(), "a pipe"),
            (File::open(std::env::current_exe().unwrap()).unwrap().into(), "a file"),
            (File::open("/").unwrap().into(), "a directory"),
            (File::open("/dev/null").unwrap().into(), "closed, or /dev/null"),
            (File::open("/dev/zero").unwrap().into(), "a device"),
            (connected.into(), "a socket that is connected, not one that listens"),
            (silent, "a socket that does not listen"),
        ];
        for (fd, expected) in cases {
            assert_eq!(listener(fd).unwrap_err().to_string(), expected);
        }
        let datagram = UnixDatagram::unbound().unwrap();
        let unfit = listener(datagram.into()).unwrap_err();
        assert_eq!(unfit.to_string(), "a socket that is neither of TCP nor a unix stream");
    }

    #[tokio::test]
    async fn a_listening_socket_is_taken_whichever_it_is() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            // Not every machine has IPv6.
            let Ok(tcp) = TcpListener::bind(address) else { continue };
            let expected = tcp.local_addr().unwrap().to_string();
            assert_eq!(listener(tcp.into()).unwrap().local_addr().unwrap().to_string(), expected);
        }
    }
}
