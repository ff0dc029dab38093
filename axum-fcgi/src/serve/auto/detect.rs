//! Detects how the program was started.

use std::env;
use std::io;

use super::addresses::{self, Sockets};
use crate::listen::{Expected, Listeners, inherited};

/// Set for every CGI program (RFC 3875 §4.1.4). Under FastCGI, requests have it, but processes do not.
const GATEWAY_INTERFACE: &str = "GATEWAY_INTERFACE";

#[derive(Debug)]
pub(super) enum StartMode {
    /// Serve FastCGI, and HTTP for upgrades.
    Sockets(Sockets),
    /// Serve one request as a CGI program.
    Cgi,
}

/// Checks the environment and the descriptors of the process. Takes inherited sockets, and nothing else.
pub(super) fn detect() -> io::Result<StartMode> {
    if let Some(sockets) = addresses::bind_from_env()? {
        return Ok(StartMode::Sockets(sockets));
    }
    let none = match inherited(Expected::All) {
        Ok(listeners) => {
            let fastcgi = Listeners::from_vec(listeners?)?;
            return Ok(StartMode::Sockets(Sockets { fastcgi, http: None }));
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
