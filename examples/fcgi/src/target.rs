//! The address of an application.

use std::fmt;
use std::io::{self, ErrorKind};
use std::str::FromStr;
use std::time::Duration;

use axum_fcgi::{Address, FcgiStream};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::failure::Failure;

/// An address to connect to: an [`Address`] with a socket, or a host name with a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Address(Address),
    Host(String),
}

impl Target {
    /// Connects to the application.
    ///
    /// # Errors
    /// [`Failure::unreachable`] with advice.
    pub(crate) async fn connect(&self, limit: Duration) -> Result<FcgiStream, Failure> {
        let stream = timeout(limit, self.open()).await.map_err(|_| io::Error::from(ErrorKind::TimedOut));
        stream.and_then(|stream| stream).map_err(|error| {
            let advice = self.advice(&error).map_or(String::new(), |advice| format!(": {advice}"));
            Failure::unreachable(format!("cannot connect to {self}: {error}{advice}"))
        })
    }

    async fn open(&self) -> io::Result<FcgiStream> {
        let tcp = match self {
            #[cfg(unix)]
            Self::Address(Address::Unix(path)) => {
                return UnixStream::connect(path).await.map(FcgiStream::Unix);
            }
            Self::Address(Address::Tcp(addr)) => TcpStream::connect(addr).await?,
            Self::Address(other) => {
                return Err(io::Error::other(format!("{other} is not an address to connect to")));
            }
            Self::Host(host) => TcpStream::connect(host).await?,
        };
        // Nagle's algorithm would delay small records.
        tcp.set_nodelay(true)?;
        Ok(FcgiStream::Tcp(tcp))
    }

    /// Returns the usual cause of an error and what to do.
    fn advice(&self, error: &io::Error) -> Option<&'static str> {
        let unix = matches!(self, Self::Address(Address::Unix(_)));
        match error.kind() {
            ErrorKind::ConnectionRefused if unix => {
                Some("the socket exists, but no process listens at it; start the application")
            }
            ErrorKind::ConnectionRefused => {
                Some("nothing listens at this port; start the application, or check the port")
            }
            ErrorKind::NotFound => {
                Some("the socket does not exist; start the application, or check the path")
            }
            ErrorKind::PermissionDenied => Some("check the socket's mode and group, or use sudo"),
            ErrorKind::TimedOut => Some("check whether a firewall blocks the port"),
            _ => None,
        }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(address @ (Address::Tcp(_) | Address::Unix(_))) => Ok(Self::Address(address)),
            Err(_) if is_host_and_port(text) => Ok(Self::Host(text.to_owned())),
            // systemd, fd:0 and auto are inherited sockets, which can only be listened at.
            _ => Err(
                "expected 127.0.0.1:9000, [::1]:9000, :9000 (loopback), host:9000, unix:/run/app.sock or \
                /run/app.sock"
                    .to_owned(),
            ),
        }
    }
}

fn is_host_and_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let named = host.starts_with(|c: char| c.is_ascii_alphanumeric()) && !host.contains([':', '/']);
    named && !matches!(host, "fd" | "systemd") && port.parse::<u16>().is_ok()
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Host(host) => f.write_str(host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_and_invalid_addresses() {
        for (text, displayed) in [
            (":9000", "127.0.0.1:9000"),
            ("127.0.0.1:9000", "127.0.0.1:9000"),
            ("/run/app.sock", "unix:/run/app.sock"),
            ("app.example.org:9000", "app.example.org:9000"),
        ] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), displayed);
        }
        for text in ["", "systemd", "auto", "fd:0", "fd:3", "systemd:1", "9000", "host:port", "a/b:1"] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
