//! A TCP or unix listener as one type.

use std::io;

use axum::serve::Listener;
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;

use super::fcgi_addr::FcgiAddr;
#[cfg(unix)]
use super::socket_file::SocketFile;
use super::stream::FcgiStream;
use crate::accept::accept;

/// How many connections may wait to be accepted, as in tokio's own `bind`. The system may use a lower limit.
pub(super) const BACKLOG: u32 = 1024;

/// A listening socket at any [`Address`](crate::Address): TCP or unix, bound by this process or inherited.
///
/// The type is the same for all of them, so that the address can be a matter of configuration. A socket
/// [bound at a path](crate::UnixSocket) removes its file when it is dropped; the file of an inherited socket is not
/// removed.
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
    /// Before `socket`, since fields drop in this order: while the socket is open, no other process takes the file for a
    /// stale one.
    #[cfg(unix)]
    _file: Option<SocketFile>,
    socket: Socket,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

impl FcgiListener {
    /// The address of this listener.
    ///
    /// # Errors
    /// If `getsockname` fails.
    pub fn local_addr(&self) -> io::Result<FcgiAddr> {
        match &self.socket {
            Socket::Tcp(listener) => listener.local_addr().map(Into::into),
            #[cfg(unix)]
            Socket::Unix(listener) => listener.local_addr().map(Into::into),
        }
    }

    #[cfg(unix)]
    pub(super) fn with_file(listener: UnixListener, file: SocketFile) -> Self {
        Self { _file: Some(file), ..listener.into() }
    }
}

impl From<TcpListener> for FcgiListener {
    fn from(listener: TcpListener) -> Self {
        Self {
            #[cfg(unix)]
            _file: None,
            socket: Socket::Tcp(listener),
        }
    }
}

/// The socket's file is not removed on drop.
#[cfg(unix)]
impl From<UnixListener> for FcgiListener {
    fn from(listener: UnixListener) -> Self {
        Self { _file: None, socket: Socket::Unix(listener) }
    }
}

impl Listener for FcgiListener {
    type Io = FcgiStream;
    type Addr = FcgiAddr;

    /// # Cancel safety
    /// Cancel safe: dropping the future loses no connection.
    async fn accept(&mut self) -> (FcgiStream, FcgiAddr) {
        match &mut self.socket {
            Socket::Tcp(listener) => {
                let (io, addr) = accept(listener).await;
                (FcgiStream::Tcp(io), addr.into())
            }
            #[cfg(unix)]
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
