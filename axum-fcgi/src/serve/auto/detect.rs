//! Detects how the program was started.

use std::env;
use std::io;

use crate::listen::{Address, Expected, FcgiListener, Listeners, about, inherited};

/// The variable with addresses to listen on.
const LISTEN: &str = "FCGI_LISTEN";
/// Set for every CGI program (RFC 3875 §4.1.4). Under FastCGI, requests have it, but processes do not.
const GATEWAY_INTERFACE: &str = "GATEWAY_INTERFACE";

#[derive(Debug)]
pub(super) enum StartMode {
    /// Serve FastCGI.
    Listeners(Listeners<FcgiListener>),
    /// Serve one request as a CGI program.
    Cgi,
}

/// Checks the environment and the descriptors of the process. Takes inherited sockets, and nothing else.
pub(super) fn detect() -> io::Result<StartMode> {
    let addresses = match env::var_os(LISTEN) {
        Some(text) => parse_addresses(&text.to_string_lossy())?,
        None => Vec::new(),
    };
    if !addresses.is_empty() {
        let bound = Listeners::bind(&addresses).map_err(|error| about(LISTEN, &error));
        return bound.map(StartMode::Listeners);
    }
    let none = match inherited(Expected::All) {
        Ok(listeners) => return Listeners::from_vec(listeners?).map(StartMode::Listeners),
        Err(none) => none,
    };
    if env::var_os(GATEWAY_INTERFACE).is_some_and(|interface| !interface.is_empty()) {
        return Ok(StartMode::Cgi);
    }
    Err(io::Error::new(
        io::ErrorKind::NotFound,
        format!(
            "cannot determine how to serve: {LISTEN} is not set, {none}, and {GATEWAY_INTERFACE} is not set; set {LISTEN} \
             to an address such as unix:/run/app.sock or 127.0.0.1:9000, or start the program from a systemd \
             .socket unit, from a web server (Apache's mod_fcgid, lighttpd's bin-path, H2O's fastcgi.spawn, or as a \
             CGI program) or with spawn-fcgi"
        ),
    ))
}

/// Parses addresses that are separated by commas or spaces. The list may be empty.
fn parse_addresses(text: &str) -> io::Result<Vec<Address>> {
    let entries = text.split([',', ' ', '\t', '\n']).filter(|entry| !entry.is_empty());
    entries
        .map(|entry| {
            entry
                .parse()
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, format!("{LISTEN}: {error}")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_separated_by_commas_or_spaces() {
        for (text, expected) in [
            (":9000", "127.0.0.1:9000"),
            (":9000,/run/app.sock", "127.0.0.1:9000 unix:/run/app.sock"),
            (" [::1]:1 , systemd:web\n", "[::1]:1 systemd:web"),
            ("", ""),
            (" , ", ""),
        ] {
            let found: Vec<String> = parse_addresses(text).unwrap().iter().map(ToString::to_string).collect();
            assert_eq!(found.join(" "), expected, "{text:?}");
        }
    }

    #[test]
    fn an_invalid_address_error_names_the_variable() {
        let error = parse_addresses(":9000 nowhere").unwrap_err().to_string();
        assert!(error.starts_with(r#"FCGI_LISTEN: "nowhere" has neither"#), "{error}");
    }
}
