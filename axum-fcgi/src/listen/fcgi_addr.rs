//! The address of a listener or a peer.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The address of a [`FcgiListener`](crate::FcgiListener), or of a web server that connected to it.
///
/// `Debug` prints the same as `Display`, for the log: `127.0.0.1:9000`, `unix:/run/app.sock`, or `unix:` for a socket
/// without a path, as the web server's end of a connection usually is.
///
/// ```
/// use axum_fcgi::{Address, FcgiAddr, FcgiListener};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let address: Address = "127.0.0.1:0".parse()?;
/// let listener = FcgiListener::bind(&address)?;
/// let FcgiAddr::Tcp(addr) = listener.local_addr()? else { panic!("not TCP") };
/// println!("FastCGI on port {}", addr.port());
/// # assert!(addr.port() > 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FcgiAddr {
    /// A TCP address.
    Tcp(SocketAddr),
    /// The path of a unix socket; `None` if it has none.
    Unix(Option<PathBuf>),
}

impl From<SocketAddr> for FcgiAddr {
    fn from(addr: SocketAddr) -> Self {
        Self::Tcp(addr)
    }
}

#[cfg(unix)]
impl From<tokio::net::unix::SocketAddr> for FcgiAddr {
    fn from(addr: tokio::net::unix::SocketAddr) -> Self {
        Self::Unix(addr.as_pathname().map(Into::into))
    }
}

impl fmt::Display for FcgiAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => write!(f, "{addr}"),
            Self::Unix(None) => f.write_str("unix:"),
            Self::Unix(Some(path)) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl fmt::Debug for FcgiAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_logged_as_it_is_configured() {
        let tcp: SocketAddr = "[::1]:9000".parse().unwrap();
        for (addr, text) in [
            (FcgiAddr::from(tcp), "[::1]:9000"),
            (FcgiAddr::Unix(Some("/run/app.sock".into())), "unix:/run/app.sock"),
            (FcgiAddr::Unix(None), "unix:"),
        ] {
            assert_eq!(format!("{addr} {addr:?}"), format!("{text} {text}"));
        }
    }
}
