//! Ports of the loopback interface.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::Result;

/// A port that nobody has. It is below those that systems give to outgoing connections, so that none of these takes it
/// while whoever is to listen there is not up, or is being started again.
///
/// # Errors
/// When there is none.
pub fn free_port() -> Result<u16> {
    const FIRST: u32 = 10_240;
    const COUNT: u32 = 32_768 - FIRST;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..COUNT {
        // Tests that run at the same time begin elsewhere.
        let number = std::process::id().wrapping_mul(97).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(FIRST + number % COUNT)?;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    Err("no port is free".into())
}
