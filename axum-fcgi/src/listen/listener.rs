//! A listener at any address.

use std::io;

use axum::serve::Listener;
use tokio::net::{TcpListener, UnixListener};

use super::fcgi_addr::FcgiAddr;
use super::socket_file::SocketFile;
use super::stream::FcgiStream;
use crate::accept::accept;

/// Connections that may wait to be accepted, as in tokio's own `bind`. The system has a bound of its own.
pub(super) const BACKLOG: u32 = 1024;

/// A listening socket at any [`Address`]: TCP or unix, bound by this process or given to it.
///
/// The types of what it accepts are the same whichever it is, so that where to listen can be a matter of
/// configuration. One that is [bound at a path](UnixSocket) removes its file when it is dropped; one that the
/// process was started with leaves it to whom it belongs to.
///
/// # Examples
/// ```no_run
/// use axum_fcgi::{Address, FcgiListener};
///
/// # async fn run(router: axum::Router) -> Result<(), Box<dyn std::error::Error>> {
/// let address: Address = std::env::args().nth(1).unwrap_or("auto".to_owned()).parse()?;
/// axum_fcgi::serve(FcgiListener::bind(&address)?, router).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FcgiListener {
    /// Before the socket, since fields are dropped in this order: the file is removed while the socket is
    /// still open, or another process could take it for a stale one.
    _file: Option<SocketFile>,
    socket: Socket,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl FcgiListener {
    /// The address that it listens at.
    ///
    /// # Errors
    /// When the system does not tell it.
    pub fn local_addr(&self) -> io::Result<FcgiAddr> {
        match &self.socket {
            Socket::Tcp(listener) => listener.local_addr().map(Into::into),
            Socket::Unix(listener) => listener.local_addr().map(Into::into),
        }
    }

    pub(super) fn with_file(listener: UnixListener, file: SocketFile) -> Self {
        Self { _file: Some(file), ..listener.into() }
    }
}

impl From<TcpListener> for FcgiListener {
    fn from(listener: TcpListener) -> Self {
        Self { _file: None, socket: Socket::Tcp(listener) }
    }
}

/// The file stays when the listener is dropped.
impl From<UnixListener> for FcgiListener {
    fn from(listener: UnixListener) -> Self {
        Self { _file: None, socket: Socket::Unix(listener) }
    }
}

impl Listener for FcgiListener {
    type Io = FcgiStream;
    type Addr = FcgiAddr;

    /// # Cancel safety
    /// No connection is lost when the future is dropped.
    async fn accept(&mut self) -> (FcgiStream, FcgiAddr) {
        match &mut self.socket {
            Socket::Tcp(listener) => {
                let (io, addr) = accept(listener).await;
                (FcgiStream::Tcp(io), addr.into())
            }
            Socket::Unix(listener) => {
                let (io, addr) = accept(listener).await;
                (FcgiStream::Unix(io), addr.into())
            }
        }
    }

    fn local_addr(&self) -> io::Result<FcgiAddr> {
        self.local_addr()
    }
}
