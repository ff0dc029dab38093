//! Addresses to listen at.

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4, TcpListener},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

/// Below the ports that the kernel gives to those who connect.
const PORT: u16 = 20_080;

/// An address that nobody else has, and that stays free while its program is restarted.
///
/// A web server takes no socket from its parent as nginx does, and a free port of 127.0.0.1 may be another's
/// by the time it binds it. But all of 127.0.0.0/8 is this machine.
pub(crate) fn unused() -> io::Result<SocketAddrV4> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        // Processes with neighbouring ids are far from each other.
        let start = process::id().wrapping_mul(2_654_435_761) >> 8;
        let [_, a, b, c] = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)).to_be_bytes();
        let address = SocketAddrV4::new(Ipv4Addr::new(127, a, b, c), PORT);
        // Neither the network's own address, nor the broadcast, nor where everybody is.
        let special = a == 0 || (a == 255 && b == 255 && c == 255);
        match TcpListener::bind(address) {
            _ if special => {}
            Ok(_) => return Ok(address),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
        }
    }
}
