//! An address to listen on, as one string.

use std::fmt;
#[cfg(feature = "gateway")]
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

#[cfg(feature = "gateway")]
use tokio::net::TcpStream;
#[cfg(all(unix, feature = "gateway"))]
use tokio::net::UnixStream;

#[cfg(all(not(unix), feature = "gateway"))]
use super::error::needs_unix;
#[cfg(feature = "gateway")]
use super::stream::FcgiStream;

/// An address to listen on, for a configuration file or an argument.
///
/// | string | meaning |
/// | --- | --- |
/// | `127.0.0.1:9000`, `[::1]:9000` | a TCP socket |
/// | `:9000`, `localhost:9000` | a TCP socket at 127.0.0.1 only |
/// | `unix:/run/app.sock`, `/run/app.sock` | a unix socket, see [`UnixSocket`](crate::UnixSocket) |
/// | `fd:0` | the socket that a web server or spawn-fcgi passes |
/// | `systemd` | the socket that systemd passes |
/// | `systemd:name` | the one with this name: `FileDescriptorName=` of its unit |
/// | `auto` | the socket that the process was started with: from systemd, or else fd 0 |
///
/// All forms parse on every system, so that one configuration type serves all. Only the TCP forms can be listened at on
/// systems other than Unix, such as Windows.
///
/// `:9000` is loopback, although many servers take it for all interfaces: anyone who can connect to a FastCGI socket can
/// claim to be any user. To listen on the network, write `0.0.0.0:9000` or `[::]:9000`. `localhost` is not looked up,
/// because it can have two addresses and a socket has one.
///
/// The [`Display`](fmt::Display) string parses to the same address, unless it is a path that is not UTF-8. With the
/// feature `serde`, an address is serialized as that string.
///
/// ```
/// use axum_fcgi::Address;
/// let address: Address = ":9000".parse()?;
/// assert_eq!(address.to_string(), "127.0.0.1:9000");
/// assert_eq!("/run/app.sock".parse::<Address>()?.to_string(), "unix:/run/app.sock");
/// // Not parsed: any path, also a relative one.
/// let directory = std::path::PathBuf::from("run");
/// assert_eq!(Address::from(directory.join("app.sock")).to_string(), "unix:run/app.sock");
/// # Ok::<_, axum_fcgi::AddressError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// A TCP address.
    Tcp(SocketAddr),
    /// The path of a unix socket.
    Unix(PathBuf),
    /// The socket at fd 0, where a process is started with it (FastCGI §2.2).
    Stdin,
    /// A socket that systemd passes: the one with this name, or any.
    Systemd(Option<String>),
    /// The socket that the process was started with.
    Auto,
}

impl Address {
    /// Connects to the application at this address, for a [`Pool`](tower_fcgi::client::Pool).
    ///
    /// ```
    /// use axum_fcgi::{Address, tower_fcgi::client::Pool};
    /// # type Body = axum::body::Body;
    /// let address: Address = "unix:/run/php/php-fpm.sock".parse()?;
    /// let pool: Pool<_, Body> = Pool::builder(move || address.clone().connect()).build();
    /// # Ok::<_, axum_fcgi::AddressError>(())
    /// ```
    ///
    /// # Errors
    /// If connecting fails, or the address is a socket that this process was started with. A unix socket is an error
    /// (`Unsupported`) on systems other than Unix.
    ///
    /// # Panics
    /// The future panics outside a tokio runtime whose I/O is enabled.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection, if it was made.
    #[cfg(feature = "gateway")]
    pub async fn connect(self) -> io::Result<FcgiStream> {
        match self {
            Self::Tcp(addr) => {
                let stream = TcpStream::connect(addr).await?;
                // Each write is complete; waiting for more data would only delay it.
                stream.set_nodelay(true)?;
                Ok(FcgiStream::Tcp(stream))
            }
            #[cfg(unix)]
            Self::Unix(path) => Ok(FcgiStream::Unix(UnixStream::connect(path).await?)),
            #[cfg(not(unix))]
            Self::Unix(_) => Err(needs_unix(&self)),
            Self::Stdin | Self::Systemd(_) | Self::Auto => {
                let error = format!("{self} is a socket to listen on; connect to a TCP address or a path");
                Err(io::Error::new(io::ErrorKind::InvalidInput, error))
            }
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = |kind| AddressError { text: text.to_owned(), kind };
        if text.starts_with('/') {
            return Ok(Self::Unix(text.into()));
        }
        match text.split_once(':') {
            None if text == "auto" => Ok(Self::Auto),
            None if text == "systemd" => Ok(Self::Systemd(None)),
            None if text.is_empty() => Err(error(AddressErrorKind::Empty)),
            None => Err(error(AddressErrorKind::Unknown)),
            Some(("unix", "")) => Err(error(AddressErrorKind::MissingPath)),
            Some(("unix", path)) => Ok(Self::Unix(path.into())),
            Some(("systemd", "")) => Err(error(AddressErrorKind::MissingName)),
            Some(("systemd", name)) => Ok(Self::Systemd(Some(name.to_owned()))),
            Some(("fd", "0")) => Ok(Self::Stdin),
            // The process may use any other descriptor for something else.
            Some(("fd", _)) => Err(error(AddressErrorKind::Descriptor)),
            Some(("" | "localhost", port)) if !port.contains(':') => match port.parse() {
                Ok(port) => Ok(Self::Tcp((Ipv4Addr::LOCALHOST, port).into())),
                Err(_) => Err(error(AddressErrorKind::InvalidPort)),
            },
            Some(_) => text.parse().map(Self::Tcp).map_err(|_| error(AddressErrorKind::InvalidTcp)),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => write!(f, "{addr}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Stdin => f.write_str("fd:0"),
            Self::Systemd(None) => f.write_str("systemd"),
            Self::Systemd(Some(name)) => write!(f, "systemd:{name}"),
            Self::Auto => f.write_str("auto"),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(addr: SocketAddr) -> Self {
        Self::Tcp(addr)
    }
}

impl From<PathBuf> for Address {
    fn from(path: PathBuf) -> Self {
        Self::Unix(path)
    }
}

impl From<&Path> for Address {
    fn from(path: &Path) -> Self {
        Self::Unix(path.to_owned())
    }
}

impl From<&Self> for Address {
    fn from(address: &Self) -> Self {
        address.clone()
    }
}

impl TryFrom<&str> for Address {
    type Error = AddressError;

    fn try_from(text: &str) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Address {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The error of parsing an [`Address`]. The message lists the valid forms.
///
/// ```
/// use axum_fcgi::{Address, AddressError, AddressErrorKind};
/// let error: AddressError = "app.sock".parse::<Address>().unwrap_err();
/// assert_eq!(error.kind(), AddressErrorKind::Unknown);
/// assert!(error.to_string().contains("unix:/run/app.sock"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error(
    "{text:?} {}: an address is 127.0.0.1:9000, [::1]:9000, :9000 (loopback; all interfaces are 0.0.0.0:9000), \
     unix:/run/app.sock, /run/app.sock, fd:0, systemd, systemd:name or auto",
    kind.reason()
)]
pub struct AddressError {
    text: String,
    kind: AddressErrorKind,
}

/// The cause of an [`AddressError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AddressErrorKind {
    /// The string is empty: a variable without a value.
    Empty,
    /// It has none of the forms: neither a port nor a path. A relative path needs `unix:` in front.
    Unknown,
    /// There is no path after `unix:`.
    MissingPath,
    /// There is no name after `systemd:`.
    MissingName,
    /// A descriptor other than `fd:0`. The sockets of systemd are `systemd` or `systemd:name`.
    Descriptor,
    /// There is no port number from 0 to 65535 after the colon. Names of services are not looked up.
    InvalidPort,
    /// It is no IP address with a port. Names of hosts are not looked up, and an IPv6 address needs brackets.
    InvalidTcp,
}

impl AddressErrorKind {
    const fn reason(self) -> &'static str {
        match self {
            Self::Empty => "is empty",
            Self::Unknown => "has neither a port nor a path",
            Self::MissingPath => "has no path",
            Self::MissingName => "has no name",
            Self::Descriptor => "is not fd:0; systemd's sockets are systemd or systemd:name",
            Self::InvalidPort => "has no port number from 0 to 65535",
            Self::InvalidTcp => "is not an IP address with a port",
        }
    }
}

impl AddressError {
    /// The cause.
    #[must_use]
    pub const fn kind(&self) -> AddressErrorKind {
        self.kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_parses_and_displays_back_to_itself() {
        for (text, displayed) in [
            ("127.0.0.1:9000", "127.0.0.1:9000"),
            ("0.0.0.0:0", "0.0.0.0:0"),
            ("[::1]:9000", "[::1]:9000"),
            (":9000", "127.0.0.1:9000"),
            ("localhost:9000", "127.0.0.1:9000"),
            ("unix:/run/app.sock", "unix:/run/app.sock"),
            ("unix:app.sock", "unix:app.sock"),
            ("unix:/with:colon", "unix:/with:colon"),
            ("/run/app.sock", "unix:/run/app.sock"),
            ("fd:0", "fd:0"),
            ("systemd", "systemd"),
            ("systemd:web", "systemd:web"),
            ("auto", "auto"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), displayed);
            assert_eq!(displayed.parse(), Ok(address), "{text}");
        }
    }

    #[test]
    fn an_error_says_what_is_wrong_and_what_is_accepted() {
        for (text, kind, reason) in [
            ("", AddressErrorKind::Empty, "is empty"),
            ("9000", AddressErrorKind::Unknown, "has neither a port nor a path"),
            ("run/app.sock", AddressErrorKind::Unknown, "has neither a port nor a path"),
            ("unix:", AddressErrorKind::MissingPath, "has no path"),
            ("systemd:", AddressErrorKind::MissingName, "has no name"),
            ("fd:3", AddressErrorKind::Descriptor, "is not fd:0"),
            (":http", AddressErrorKind::InvalidPort, "has no port number"),
            (":65536", AddressErrorKind::InvalidPort, "has no port number"),
            ("localhost:", AddressErrorKind::InvalidPort, "has no port number"),
            ("::1", AddressErrorKind::InvalidTcp, "is not an IP address"),
            ("example.org:9000", AddressErrorKind::InvalidTcp, "is not an IP address"),
            ("127.0.0.1:", AddressErrorKind::InvalidTcp, "is not an IP address"),
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert_eq!(error.kind(), kind, "{text:?}");
            let error = error.to_string();
            assert!(error.starts_with(&format!("{text:?} {reason}")), "{error}");
            for form in ["127.0.0.1:9000", "[::1]:9000", ":9000", "unix:/", "fd:0", "systemd:name", "auto"] {
                assert!(error.contains(form), "{error} does not say {form}");
            }
        }
    }

    #[cfg(feature = "serde")]
    #[test]
    fn with_serde_an_address_is_its_string() {
        let address: Address = serde_json::from_str(r#""/run/app.sock""#).unwrap();
        assert_eq!(serde_json::to_string(&address).unwrap(), r#""unix:/run/app.sock""#);
        let error = serde_json::from_str::<Address>(r#""nowhere""#).unwrap_err().to_string();
        assert!(error.contains("unix:/run/app.sock"), "{error}");
    }

    #[tokio::test]
    #[cfg(all(unix, feature = "gateway"))]
    async fn tcp_and_unix_addresses_can_be_connected_to() {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("socket");
        let unix = tokio::net::UnixListener::bind(&path).unwrap();
        let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = Address::Unix(path).connect().await.unwrap();
        assert!(matches!(stream, FcgiStream::Unix(_)));
        unix.accept().await.unwrap();
        let FcgiStream::Tcp(stream) = Address::Tcp(tcp.local_addr().unwrap()).connect().await.unwrap() else {
            panic!("not TCP")
        };
        assert!(stream.nodelay().unwrap());
        tcp.accept().await.unwrap();
        for text in ["fd:0", "systemd", "auto"] {
            let error = text.parse::<Address>().unwrap().connect().await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{text}");
        }
    }
}
