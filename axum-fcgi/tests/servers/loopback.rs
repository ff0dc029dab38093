//! Addresses to listen on.

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4, TcpListener},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

/// Below the kernel's range of ephemeral ports.
const PORT: u16 = 20_080;

/// An address that no other process uses, and that stays free while its program restarts.
///
/// A web server cannot inherit a socket as nginx can, and another process may take a free port of 127.0.0.1
/// before the web server binds it. But all of 127.0.0.0/8 is this machine.
pub(crate) fn unused() -> io::Result<SocketAddrV4> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        // Spreads neighbouring process ids far apart.
        let start = process::id().wrapping_mul(2_654_435_761) >> 8;
        let [_, a, b, c] = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)).to_be_bytes();
        let address = SocketAddrV4::new(Ipv4Addr::new(127, a, b, c), PORT);
        // Not the network address, the broadcast address or 127.0.0.0/16, which others use.
        let special = a == 0 || (a == 255 && b == 255 && c == 255);
        match TcpListener::bind(address) {
            _ if special => {}
            Ok(_) => return Ok(address),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
        }
    }
}
