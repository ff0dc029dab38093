//! What the program was started for.

use std::env;
use std::io;

use crate::listen::{Address, Expected, FcgiListener, Listeners, about, inherited};

/// Addresses to listen at.
const LISTEN: &str = "FCGI_LISTEN";
/// RFC 3875 §4.1.4: every CGI program has it, and under FastCGI no process does, but its requests.
const GATEWAY_INTERFACE: &str = "GATEWAY_INTERFACE";

#[derive(Debug)]
pub(super) enum StartMode {
    /// To serve FastCGI.
    Listeners(Listeners<FcgiListener>),
    /// To answer one request, as a CGI program.
    Cgi,
}

/// Looks at the environment and at the descriptors of the process. Sockets are taken, and nothing else is.
pub(super) fn find() -> io::Result<StartMode> {
    let given = match env::var_os(LISTEN) {
        Some(given) => addresses(&given.to_string_lossy())?,
        None => Vec::new(),
    };
    if !given.is_empty() {
        let bound = Listeners::bind(&given).map_err(|error| about(LISTEN, &error));
        return bound.map(StartMode::Listeners);
    }
    let nothing = match inherited(Expected::All) {
        Ok(listeners) => return Listeners::from_vec(listeners?).map(StartMode::Listeners),
        Err(nothing) => nothing,
    };
    if env::var_os(GATEWAY_INTERFACE).is_some_and(|interface| !interface.is_empty()) {
        return Ok(StartMode::Cgi);
    }
    Err(io::Error::new(
        io::ErrorKind::NotFound,
        format!(
            "nothing says what to serve: {LISTEN} is not set, {nothing}, and {GATEWAY_INTERFACE} is not set; give \
             {LISTEN} an address such as unix:/run/app.sock or 127.0.0.1:9000, or start the program from a systemd \
             .socket unit, from a web server (Apache's mod_fcgid, lighttpd's bin-path, H2O's fastcgi.spawn, or as a \
             CGI program) or with spawn-fcgi"
        ),
    ))
}

/// One or more, separated by commas or spaces. None where the text is empty, as a variable is that was set to
/// nothing.
fn addresses(text: &str) -> io::Result<Vec<Address>> {
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
            let found: Vec<String> = addresses(text).unwrap().iter().map(ToString::to_string).collect();
            assert_eq!(found.join(" "), expected, "{text:?}");
        }
    }

    #[test]
    fn an_invalid_address_error_names_the_variable() {
        let error = addresses(":9000 nowhere").unwrap_err().to_string();
        assert!(error.starts_with(r#"FCGI_LISTEN: "nowhere" has neither"#), "{error}");
    }
}
