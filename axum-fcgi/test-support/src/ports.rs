//! Ports of the loopback interface.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};

use crate::Result;

#[cfg(not(target_vendor = "apple"))]
const FLAGS: SocketFlags = SocketFlags::CLOEXEC;
/// Apple's systems have no such flag.
#[cfg(target_vendor = "apple")]
const FLAGS: SocketFlags = SocketFlags::empty();

/// A free port. It is below the range for outgoing connections, so that none of these takes it before a server listens on
/// it or while that server restarts.
///
/// # Errors
/// If no port is free.
pub fn free_port() -> Result<u16> {
    const FIRST: u32 = 10_240;
    const COUNT: u32 = 32_768 - FIRST;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..COUNT {
        // Concurrent tests start at different numbers.
        let number = std::process::id().wrapping_mul(97).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(FIRST + number % COUNT)?;
        if is_free(port) {
            return Ok(port);
        }
    }
    Err("no port is free".into())
}

/// Whether a socket can be bound to a port. The socket does not listen: a process that another thread forks at this moment has
/// a copy of it until its exec, and a test that waits for the port's server could connect to that copy.
fn is_free(port: u16) -> bool {
    let probe = || {
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, FLAGS, None)?;
        sockopt::set_socket_reuseaddr(&socket, true)?;
        bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
    };
    probe().is_ok()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_listening_port_is_not_free() {
        let port = free_port().unwrap();
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
        let _listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        assert!(!is_free(port));
    }
}
