//! Where to listen, as one string.

use std::fmt;
#[cfg(feature = "client")]
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

#[cfg(feature = "client")]
use tokio::net::{TcpStream, UnixStream};

#[cfg(feature = "client")]
use super::stream::FcgiStream;

/// Where to listen, as a configuration file or an argument says it.
///
/// | string | meaning |
/// | --- | --- |
/// | `127.0.0.1:9000`, `[::1]:9000` | a TCP socket at this address |
/// | `:9000`, `localhost:9000` | a TCP socket at 127.0.0.1, and no other |
/// | `unix:/run/app.sock`, `/run/app.sock` | a unix socket at this path, see [`UnixSocket`](crate::UnixSocket) |
/// | `fd:0` | the socket that a web server or spawn-fcgi started the process with |
/// | `systemd` | the socket that systemd passes |
/// | `systemd:name` | the one with this name, which is a unit's `FileDescriptorName=` |
/// | `auto` | whatever the process was started with: what systemd passes, or else fd 0 |
///
/// `:9000` is loopback, though many servers take it for all interfaces: whoever reaches a FastCGI socket can
/// claim to be any user, so listening to the network has to be asked for in full, as `0.0.0.0:9000` or
/// `[::]:9000`. `localhost` is not looked up, since it can have two addresses and a socket has one.
///
/// [`Display`](fmt::Display) gives a string that parses to the same address, unless it is a path that is not
/// UTF-8. With the feature `serde` an address is serialized as that string.
///
/// ```
/// use axum_fcgi::Address;
/// let address: Address = ":9000".parse()?;
/// assert_eq!(address.to_string(), "127.0.0.1:9000");
/// assert_eq!("/run/app.sock".parse::<Address>()?.to_string(), "unix:/run/app.sock");
/// # Ok::<_, axum_fcgi::AddressError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// A TCP socket.
    Tcp(SocketAddr),
    /// A unix socket at a path.
    Unix(PathBuf),
    /// fd 0, where FastCGI §2.2 has the socket that a process is started with.
    Stdin,
    /// What systemd passes, by its name if there is one here.
    Systemd(Option<String>),
    /// Whatever the process was started with.
    Auto,
}

impl Address {
    /// Connects to the application that listens there: what a [`Pool`](tower_fcgi::client::Pool) makes its connections with.
    ///
    /// ```
    /// use axum_fcgi::{Address, tower_fcgi::client::{Config, Pool}};
    /// # type Body = axum::body::Body;
    /// let address: Address = "unix:/run/php/php-fpm.sock".parse()?;
    /// let pool: Pool<_, Body> = Pool::new(16, Config::default(), move || address.clone().connect());
    /// # Ok::<_, axum_fcgi::AddressError>(())
    /// ```
    ///
    /// # Errors
    /// When nobody listens there, and for an address that is a socket of this process.
    ///
    /// # Cancel safety
    /// Dropping the future gives the connection up.
    #[cfg(feature = "client")]
    pub async fn connect(self) -> io::Result<FcgiStream> {
        match self {
            Self::Tcp(addr) => {
                let stream = TcpStream::connect(addr).await?;
                // What is written is whole, and waits for nothing.
                stream.set_nodelay(true)?;
                Ok(FcgiStream::Tcp(stream))
            }
            Self::Unix(path) => Ok(FcgiStream::Unix(UnixStream::connect(path).await?)),
            Self::Stdin | Self::Systemd(_) | Self::Auto => {
                let error = format!("{self} is where this process listens");
                Err(io::Error::new(io::ErrorKind::InvalidInput, error))
            }
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = |reason| AddressError { text: text.to_owned(), reason };
        if text.starts_with('/') {
            return Ok(Self::Unix(text.into()));
        }
        match text.split_once(':') {
            None if text == "auto" => Ok(Self::Auto),
            None if text == "systemd" => Ok(Self::Systemd(None)),
            None if text.is_empty() => Err(error("is empty")),
            None => Err(error("has neither a port nor a path")),
            Some(("unix", "")) => Err(error("has no path")),
            Some(("unix", path)) => Ok(Self::Unix(path.into())),
            Some(("systemd", "")) => Err(error("has no name")),
            Some(("systemd", name)) => Ok(Self::Systemd(Some(name.to_owned()))),
            Some(("fd", "0")) => Ok(Self::Stdin),
            // Any other number may be a descriptor that the process uses for something else.
            Some(("fd", _)) => Err(error("is not fd:0; systemd's sockets are systemd or systemd:name")),
            Some(("" | "localhost", port)) if !port.contains(':') => match port.parse() {
                Ok(port) => Ok(Self::Tcp((Ipv4Addr::LOCALHOST, port).into())),
                Err(_) => Err(error("has no number from 0 to 65535 for its port")),
            },
            Some(_) => text.parse().map(Self::Tcp).map_err(|_| error("is no IP address with a port")),
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

/// A string that is no [`Address`]. Its text says what would be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressError {
    text: String,
    reason: &'static str,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} {}: an address is 127.0.0.1:9000, [::1]:9000, :9000 (loopback; all interfaces are 0.0.0.0:9000), \
             unix:/run/app.sock, /run/app.sock, fd:0, systemd, systemd:name or auto",
            self.text, self.reason
        )
    }
}

impl std::error::Error for AddressError {}

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
        for (text, reason) in [
            ("", "is empty"),
            ("9000", "has neither a port nor a path"),
            ("run/app.sock", "has neither a port nor a path"),
            ("unix:", "has no path"),
            ("systemd:", "has no name"),
            ("fd:3", "is not fd:0"),
            (":http", "has no number"),
            (":65536", "has no number"),
            ("localhost:", "has no number"),
            ("::1", "is no IP address"),
            ("example.org:9000", "is no IP address"),
            ("127.0.0.1:", "is no IP address"),
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
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
    #[cfg(feature = "client")]
    async fn what_listens_can_be_connected_to() {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("socket");
        let unix = tokio::net::UnixListener::bind(&path).unwrap();
        let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = Address::Unix(path).connect().await.unwrap();
        assert!(matches!(stream, FcgiStream::Unix(_)));
        unix.accept().await.unwrap();
        let FcgiStream::Tcp(stream) = Address::Tcp(tcp.local_addr().unwrap()).connect().await.unwrap() else {
            panic!("it is TCP")
        };
        assert!(stream.nodelay().unwrap());
        tcp.accept().await.unwrap();
        for text in ["fd:0", "systemd", "auto"] {
            let error = text.parse::<Address>().unwrap().connect().await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{text}");
        }
    }
}
