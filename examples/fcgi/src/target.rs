//! Where an application listens.

use std::fmt;
use std::io::{self, ErrorKind};
use std::str::FromStr;
use std::time::Duration;

use axum_fcgi::{Address, FcgiStream};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::failure::Failure;

/// An address to connect to: those of [`Address`] that are one, and a host's name with a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Address(Address),
    Host(String),
}

impl Target {
    /// Connects.
    ///
    /// # Errors
    /// [`Failure::unreachable`], with what to look at.
    pub(crate) async fn connect(&self, limit: Duration) -> Result<FcgiStream, Failure> {
        let stream = timeout(limit, self.open()).await.map_err(|_| io::Error::from(ErrorKind::TimedOut));
        stream.and_then(|stream| stream).map_err(|error| {
            Failure::unreachable(format!("cannot connect to {self}: {}", self.advice(&error)))
        })
    }

    async fn open(&self) -> io::Result<FcgiStream> {
        let tcp = match self {
            Self::Address(Address::Unix(path)) => {
                return UnixStream::connect(path).await.map(FcgiStream::Unix);
            }
            Self::Address(Address::Tcp(addr)) => TcpStream::connect(addr).await?,
            Self::Address(other) => return Err(io::Error::other(format!("{other} is to listen at"))),
            Self::Host(host) => TcpStream::connect(host).await?,
        };
        // What is looked at are records, not what Nagle's algorithm makes of them.
        tcp.set_nodelay(true)?;
        Ok(FcgiStream::Tcp(tcp))
    }

    /// What went wrong, and what is mostly behind it.
    fn advice(&self, error: &io::Error) -> String {
        let unix = matches!(self, Self::Address(Address::Unix(_)));
        let advice = match error.kind() {
            ErrorKind::ConnectionRefused if unix => {
                "the socket is there, and nobody listens: is the application running?"
            }
            ErrorKind::ConnectionRefused => {
                "nobody listens there: is the application running, and at this port?"
            }
            ErrorKind::NotFound => {
                "there is no such socket: is the application running, and is this its path?"
            }
            ErrorKind::PermissionDenied => "you may not: see the socket's mode and group, or use sudo",
            ErrorKind::TimedOut => "no answer in time: is a firewall in between?",
            _ => return error.to_string(),
        };
        format!("{advice} ({error})")
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(address @ (Address::Tcp(_) | Address::Unix(_))) => Ok(Self::Address(address)),
            Err(_) if is_host_and_port(text) => Ok(Self::Host(text.to_owned())),
            // What a process is started with (systemd, fd:0, auto) is to listen at.
            _ => Err("an application is at 127.0.0.1:9000, [::1]:9000, :9000 (loopback), host:9000, \
                unix:/run/app.sock or /run/app.sock"
                .to_owned()),
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
    fn what_can_be_connected_to() {
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
