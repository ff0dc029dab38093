//! Binds a listener at an address, or takes one that the process was started with.

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
    /// Listens at an address.
    ///
    /// A unix socket gets the mode 0660; [`UnixSocket`] has more to choose from.
    ///
    /// # Errors
    /// When the address cannot be bound, or the process was not started with what it names. The text names the
    /// address, and for the latter what was found instead and how to start the process. Where systemd passes
    /// several sockets for the address, which is one for [`Listeners::bind`](crate::Listeners::bind), none is
    /// taken.
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

    /// The listening socket at fd 0, which is where Apache's mod_fcgid, lighttpd, H2O and spawn-fcgi start a
    /// process with it (FastCGI §2.2).
    ///
    /// fd 0 is then `/dev/null`, so that it can be taken once, processes that this one starts do not inherit
    /// the socket, and dropping the listener closes it.
    ///
    /// # Errors
    /// When fd 0 is something else: a terminal, a pipe, a file, nothing, or a socket that is connected. Nothing
    /// is taken then.
    ///
    /// # Panics
    /// Outside a tokio runtime whose I/O is enabled.
    pub fn from_stdin() -> io::Result<Self> {
        stdin::take()
    }

    /// The socket that systemd passes (LISTEN_FDS, `sd_listen_fds(3)`): the one of this name
    /// (LISTEN_FDNAMES), or the only one there is. Each can be taken once.
    ///
    /// The variables LISTEN_PID and LISTEN_FDS are removed from the environment, so call this before there are
    /// threads with code in C that reads it.
    ///
    /// # Errors
    /// When systemd passed none to this process (LISTEN_PID says to which; without it they are for whoever has
    /// the variables, as systemfd passes them), none of this name, several, or one that does not listen for
    /// streams.
    ///
    /// # Panics
    /// Outside a tokio runtime whose I/O is enabled.
    pub fn from_systemd(name: Option<&str>) -> io::Result<Self> {
        systemd::take(name, Expected::One)?.and_then(only)
    }
}

/// All that an address stands for: one socket, or as many as systemd passes.
pub(super) fn bind_all(address: &Address) -> io::Result<Vec<FcgiListener>> {
    match address {
        Address::Systemd(name) => systemd::take(name.as_deref(), Expected::All)?,
        Address::Auto => inherited::take(Expected::All),
        _ => Ok(vec![FcgiListener::bind(address)?]),
    }
}

/// The one listener of a list that was asked to have one.
fn only(mut listeners: Vec<FcgiListener>) -> io::Result<FcgiListener> {
    listeners.pop().ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn bind_tcp(addr: SocketAddr) -> io::Result<FcgiListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Connections of the process before this one, in TIME_WAIT, must not keep it from starting.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    Ok(socket.listen(BACKLOG)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_error_in_binding_names_the_address() {
        let taken = FcgiListener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
        let address: Address = taken.local_addr().unwrap().to_string().parse().unwrap();
        let error = FcgiListener::bind(&address).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().starts_with(&address.to_string()), "{error}");
    }
}
