//! Whether the web server carries upgrades.

use std::time::Duration;

/// What an open STDIN means for a request that asks for an upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Support {
    /// The web server carries the upgrade: lighttpd, which sends the end of STDIN with the PARAMS otherwise.
    Certain,
    /// The end of STDIN may still be on its way: Apache and Caddy send it in a write of its own.
    Unknown,
}

impl Support {
    /// How long a 101 waits for an end of STDIN if the support is unknown. The web server sends it right after the PARAMS,
    /// and a handshake with a web server that carries the upgrade is delayed only once.
    pub(crate) const GRACE: Duration = Duration::from_millis(100);

    /// Of a web server with this SERVER_SOFTWARE.
    pub(crate) fn of(software: Option<&[u8]>) -> Self {
        match software {
            Some(software) if software.starts_with(b"lighttpd") => Self::Certain,
            _ => Self::Unknown,
        }
    }
}
