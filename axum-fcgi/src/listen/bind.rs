//! Binds a listener at an address, or takes an inherited one.

use std::io;
use std::net::SocketAddr;

use axum::BoxError;
use tokio::net::TcpSocket;

use super::address::Address;
use super::error::about;
#[cfg(not(unix))]
use super::error::needs_unix;
use super::listener::{BACKLOG, FcgiListener};
#[cfg(unix)]
use super::systemd::{self, Expected};
#[cfg(unix)]
use super::unix::UnixSocket;
#[cfg(unix)]
use super::{inherited, stdin};

impl FcgiListener {
    /// Listens on an address: an [`Address`], its string, a `SocketAddr`, or the path of a unix socket.
    ///
    /// A unix socket gets mode 0660. [`UnixSocket`] has more settings.
    ///
    /// ```no_run
    /// # use axum_fcgi::FcgiListener;
    /// # fn run() -> std::io::Result<()> {
    /// let listener = FcgiListener::bind("127.0.0.1:9000")?;
    /// let listener = FcgiListener::bind(std::path::Path::new("/run/app/fcgi.sock"))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the string is not an address (`InvalidInput`), the address cannot be bound, or the process was not started with
    /// the socket that it names. The message has the address; for an inherited socket also what was found instead, and how
    /// to start the process. If systemd passes several sockets for the address, which is a case for
    /// [`Listeners::bind`](crate::Listeners::bind), none is taken. Systems other than Unix have TCP sockets only, and other
    /// addresses are an error (`Unsupported`).
    ///
    /// # Panics
    /// Outside a tokio runtime whose I/O is enabled.
    pub fn bind<A>(address: A) -> io::Result<Self>
    where
        A: TryInto<Address, Error: Into<BoxError>>,
    {
        match convert(address)? {
            Address::Tcp(addr) => bind_tcp(addr).map_err(|error| about(addr, &error)),
            #[cfg(unix)]
            Address::Unix(path) => UnixSocket::new(path).bind(),
            #[cfg(unix)]
            Address::Stdin => Self::from_stdin(),
            #[cfg(unix)]
            Address::Systemd(name) => Self::from_systemd(name.as_deref()),
            #[cfg(unix)]
            Address::Auto => inherited::take(Expected::One).and_then(only),
            #[cfg(not(unix))]
            address => Err(needs_unix(&address)),
        }
    }
}

#[cfg(unix)]
impl FcgiListener {
    /// Takes the listening socket at fd 0, where Apache's mod_fcgid, lighttpd, H2O and spawn-fcgi pass it (FastCGI §2.2).
    /// Only on Unix.
    ///
    /// fd 0 is then replaced by `/dev/null`: it can be taken once, child processes do not inherit the socket, and dropping
    /// the listener closes it.
    ///
    /// # Errors
    /// If fd 0 is something else: a terminal, a pipe, a file, closed, or a connected socket. It is left unchanged then.
    ///
    /// # Panics
    /// Outside a tokio runtime whose I/O is enabled.
    pub fn from_stdin() -> io::Result<Self> {
        stdin::take()
    }

    /// Takes a socket that systemd passes (LISTEN_FDS, `sd_listen_fds(3)`). Only on Unix.
    ///
    /// `name` selects one by its name in LISTEN_FDNAMES; `None` takes the only one. Each socket can be taken once.
    ///
    /// The variables LISTEN_PID and LISTEN_FDS are removed from the environment, so call this before other threads run
    /// C code that reads the environment.
    ///
    /// # Errors
    /// If systemd passed no socket to this process, none with this name, several, or one that is not a listening stream
    /// socket. LISTEN_PID names the process; without it the sockets are for any process that has the variables, as
    /// systemfd passes them.
    ///
    /// # Panics
    /// Outside a tokio runtime whose I/O is enabled.
    pub fn from_systemd(name: Option<&str>) -> io::Result<Self> {
        systemd::take(name, Expected::One)?.and_then(only)
    }
}

/// Listens on all sockets of an address: one, or as many as systemd passes.
pub(super) fn bind_all<A>(address: A) -> io::Result<Vec<FcgiListener>>
where
    A: TryInto<Address, Error: Into<BoxError>>,
{
    match convert(address)? {
        #[cfg(unix)]
        Address::Systemd(name) => systemd::take(name.as_deref(), Expected::All)?,
        #[cfg(unix)]
        Address::Auto => inherited::take(Expected::All),
        address => Ok(vec![FcgiListener::bind(address)?]),
    }
}

fn convert<A>(address: A) -> io::Result<Address>
where
    A: TryInto<Address, Error: Into<BoxError>>,
{
    address.try_into().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.into()))
}

/// The only listener of a list that `Expected::One` returned.
#[cfg(unix)]
fn only(mut listeners: Vec<FcgiListener>) -> io::Result<FcgiListener> {
    listeners.pop().ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn bind_tcp(addr: SocketAddr) -> io::Result<FcgiListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Otherwise connections of an earlier process in TIME_WAIT would prevent the start.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    Ok(socket.listen(BACKLOG)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_bind_error_names_the_address() {
        let taken = FcgiListener::bind("127.0.0.1:0").unwrap();
        let address: Address = taken.local_addr().unwrap().to_string().parse().unwrap();
        let error = FcgiListener::bind(&address).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().starts_with(&address.to_string()), "{error}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn strings_paths_and_socket_addresses_are_bound() {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("a.sock");
        let bound = FcgiListener::bind(path.as_path()).unwrap();
        assert_eq!(bound.local_addr().unwrap().to_string(), format!("unix:{}", path.display()));
        drop(bound);
        FcgiListener::bind(format!("unix:{}", path.display())).unwrap();
        FcgiListener::bind(path).unwrap();
        FcgiListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = Address::from(SocketAddr::from(([127, 0, 0, 1], 0)));
        FcgiListener::bind(&address).unwrap();
        FcgiListener::bind(address).unwrap();
        let error = FcgiListener::bind("nowhere").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("has neither a port nor a path"), "{error}");
    }
}
