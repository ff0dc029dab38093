//! Connects the web server to the application.

use std::io;

use axum_fcgi::{Address, FcgiStream};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

/// Connects to an address: a path, or TCP where the system has no unix sockets.
///
/// # Errors
/// If connecting fails.
pub(crate) async fn connect(address: Address) -> io::Result<FcgiStream> {
    match address {
        #[cfg(unix)]
        Address::Unix(path) => UnixStream::connect(path).await.map(FcgiStream::Unix),
        Address::Tcp(addr) => {
            let stream = TcpStream::connect(addr).await?;
            stream.set_nodelay(true)?;
            Ok(FcgiStream::Tcp(stream))
        }
        other => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!("{other} is not an address to connect to"),
        )),
    }
}
