//! Detects how the program was started.

use std::env;
use std::io;

use super::addresses::{self, Sockets};
use crate::listen::{Expected, Listeners, Source, inherited, systemd_sockets_left};

/// Set for every CGI program (RFC 3875 §4.1.4). Under FastCGI, requests have it, but processes do not.
const GATEWAY_INTERFACE: &str = "GATEWAY_INTERFACE";

#[derive(Debug)]
pub(super) enum StartMode {
    /// Serve FastCGI, and HTTP for upgrades.
    Sockets(Sockets, StartedBy),
    /// Serve one request as a CGI program.
    Cgi,
}

/// Who has chosen the sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StartedBy {
    /// FCGI_LISTEN.
    Environment,
    Systemd,
    /// A web server or spawn-fcgi, at fd 0.
    Stdin,
}

impl StartedBy {
    /// For the log.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Environment => "FCGI_LISTEN",
            Self::Systemd => "systemd (LISTEN_FDS)",
            Self::Stdin => "a web server or spawn-fcgi (fd 0)",
        }
    }
}

/// Checks the environment and the descriptors of the process. Takes inherited sockets, and nothing else.
pub(super) fn detect() -> io::Result<StartMode> {
    if let Some(sockets) = addresses::bind_from_env()? {
        warn_of_unserved_sockets();
        return Ok(StartMode::Sockets(sockets, StartedBy::Environment));
    }
    let none = match inherited(Expected::All) {
        Ok(listeners) => {
            let (source, listeners) = listeners?;
            let started_by = match source {
                Source::Systemd => StartedBy::Systemd,
                Source::Stdin => StartedBy::Stdin,
            };
            let fastcgi = Listeners::from_vec(listeners)?;
            return Ok(StartMode::Sockets(Sockets { fastcgi, http: None }, started_by));
        }
        Err(none) => none,
    };
    if env::var_os(GATEWAY_INTERFACE).is_some_and(|interface| !interface.is_empty()) {
        return Ok(StartMode::Cgi);
    }
    Err(io::Error::new(
        io::ErrorKind::NotFound,
        format!(
            "cannot determine how to serve: FCGI_LISTEN is not set, {none}, and {GATEWAY_INTERFACE} is not set; set FCGI_LISTEN \
             to an address such as unix:/run/app.sock or 127.0.0.1:9000, or start the program from a systemd \
             .socket unit, from a web server (Apache's mod_fcgid, lighttpd's bin-path, H2O's fastcgi.spawn, or as a \
             CGI program) or with spawn-fcgi"
        ),
    ))
}

/// Warns if systemd has passed sockets that FCGI_LISTEN does not name. The system accepts connections on them, and no one
/// answers.
fn warn_of_unserved_sockets() {
    if let Some(sockets) = systemd_sockets_left() {
        tracing::warn!(
            sockets,
            "systemd passes sockets that are not served, because FCGI_LISTEN is set: whoever connects to them waits forever. Unset \
             FCGI_LISTEN, add them to it, or remove the .socket unit"
        );
    }
}
