//! Binds a listener at an address, or takes an inherited one.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpSocket;

use super::address::Address;
use super::error::about;
use super::listener::{BACKLOG, FcgiListener};
use super::systemd::{self, Expected};
use super::unix::UnixSocket;
use super::{inherited, stdin};

impl FcgiListener {
    /// Listens on an address.
    ///
    /// A unix socket gets mode 0660. [`UnixSocket`] has more settings.
    ///
    /// # Errors
    /// If the address cannot be bound, or the process was not started with the socket that it names. The message has the
    /// address; for an inherited socket also what was found instead, and how to start the process. If systemd passes
    /// several sockets for the address, which is a case for [`Listeners::bind`](crate::Listeners::bind), none is taken.
    ///
    /// # Panics
    /// Outside a tokio runtime whose I/O is enabled.
    pub fn bind(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(addr) => bind_tcp(*addr).map_err(|error| about(address, &error)),
            Address::Unix(path) => UnixSocket::new(path).bind(),
            Address::Stdin => Self::from_stdin(),
            Address::Systemd(name) => Self::from_systemd(name.as_deref()),
            Address::Auto => inherited::take(Expected::One).and_then(only),
        }
    }

    /// Takes the listening socket at fd 0, where Apache's mod_fcgid, lighttpd, H2O and spawn-fcgi pass it (FastCGI §2.2).
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

    /// Takes a socket that systemd passes (LISTEN_FDS, `sd_listen_fds(3)`).
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
pub(super) fn bind_all(address: &Address) -> io::Result<Vec<FcgiListener>> {
    match address {
        Address::Systemd(name) => systemd::take(name.as_deref(), Expected::All)?,
        Address::Auto => inherited::take(Expected::All),
        _ => Ok(vec![FcgiListener::bind(address)?]),
    }
}

/// The only listener of a list that `Expected::One` returned.
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
        let taken = FcgiListener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
        let address: Address = taken.local_addr().unwrap().to_string().parse().unwrap();
        let error = FcgiListener::bind(&address).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().starts_with(&address.to_string()), "{error}");
    }
}
