//! The addresses in FCGI_LISTEN.

use std::env;
use std::fmt::Display;
use std::io;

use crate::listen::{Address, AddressError, FcgiListener, Listeners, about};

const VARIABLE: &str = "FCGI_LISTEN";
/// Marks the address of an HTTP socket for upgrades.
const HTTP: &str = "http:";

/// The sockets to serve.
#[derive(Debug)]
pub(super) struct Sockets {
    pub(super) fastcgi: Listeners<FcgiListener>,
    /// HTTP, for upgrades.
    pub(super) http: Option<Listeners<FcgiListener>>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Addresses {
    fastcgi: Vec<Address>,
    http: Vec<Address>,
}

/// Listens on the addresses in the environment; `None` if there are none.
pub(super) fn bind_from_env() -> io::Result<Option<Sockets>> {
    let text = env::var_os(VARIABLE).unwrap_or_default();
    let Addresses { fastcgi, http } = parse(&text.to_string_lossy())?;
    if fastcgi.is_empty() && http.is_empty() {
        return Ok(None);
    }
    let bind = |addresses: &[Address]| Listeners::bind(addresses).map_err(|error| about(VARIABLE, &error));
    Ok(Some(Sockets {
        fastcgi: bind(&fastcgi)?,
        http: if http.is_empty() { None } else { Some(bind(&http)?) },
    }))
}

/// Parses addresses that are separated by commas or spaces. The list may be empty.
fn parse(text: &str) -> io::Result<Addresses> {
    let mut addresses = Addresses::default();
    for entry in text.split([',', ' ', '\t', '\n']).filter(|entry| !entry.is_empty()) {
        let (list, address) = match entry.strip_prefix(HTTP) {
            // `http:/run/app/http.sock` is a path, but `http://127.0.0.1:9001` is not.
            Some(url) if url.starts_with("//") => {
                return Err(invalid(&format_args!("{entry:?} is a URL: write {HTTP}127.0.0.1:9001")));
            }
            Some(address) => (&mut addresses.http, address),
            None => (&mut addresses.fastcgi, entry),
        };
        list.push(address.parse().map_err(|error: AddressError| invalid(&error))?);
    }
    if addresses.fastcgi.is_empty() && !addresses.http.is_empty() {
        return Err(invalid(&format_args!("{HTTP} is for upgrades only: also give an address for FastCGI")));
    }
    Ok(addresses)
}

fn invalid(error: &dyn Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{VARIABLE}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn displayed(addresses: &[Address]) -> String {
        addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn addresses_are_separated_by_commas_or_spaces() {
        for (text, fastcgi, http) in [
            (":9000", "127.0.0.1:9000", ""),
            (":9000,/run/app.sock", "127.0.0.1:9000 unix:/run/app.sock", ""),
            (" [::1]:1 , systemd:web\n", "[::1]:1 systemd:web", ""),
            ("/run/f.sock,http:/run/h.sock", "unix:/run/f.sock", "unix:/run/h.sock"),
            ("http::9001 http:systemd:ws :9000", "127.0.0.1:9000", "127.0.0.1:9001 systemd:ws"),
            ("", "", ""),
            (" , ", "", ""),
        ] {
            let found = parse(text).unwrap();
            assert_eq!(displayed(&found.fastcgi), fastcgi, "{text:?}");
            assert_eq!(displayed(&found.http), http, "{text:?}");
        }
    }

    #[test]
    fn an_invalid_address_error_names_the_variable() {
        for (text, expected) in [
            (":9000 nowhere", r#"FCGI_LISTEN: "nowhere" has neither"#),
            (":9000 http:nowhere", r#"FCGI_LISTEN: "nowhere" has neither"#),
            (":9000 http://127.0.0.1:9001", r#"FCGI_LISTEN: "http://127.0.0.1:9001" is a URL"#),
            ("http:/run/h.sock", "FCGI_LISTEN: http: is for upgrades only"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
