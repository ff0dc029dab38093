//! Errors with context.

use std::fmt::Display;
use std::io;

#[cfg(any(not(unix), test))]
use super::address::Address;

/// Prepends the subject of an error, such as an address, a file or a variable.
pub(crate) fn about(what: impl Display, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// The error for an address of a kind that only Unix systems have.
#[cfg(any(not(unix), test))]
pub(super) fn needs_unix(address: &Address) -> io::Error {
    let error = format!(
        "{address} needs a Unix system; this one has TCP only: use an address such as 127.0.0.1:9000"
    );
    io::Error::new(io::ErrorKind::Unsupported, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On Unix only this test calls `needs_unix`.
    #[test]
    fn without_unix_the_error_names_the_address_and_an_alternative() {
        for (text, displayed) in
            [("/run/app.sock", "unix:/run/app.sock"), ("systemd", "systemd"), ("auto", "auto")]
        {
            let error = needs_unix(&text.parse().unwrap());
            assert_eq!(error.kind(), io::ErrorKind::Unsupported);
            let error = error.to_string();
            assert!(error.starts_with(&format!("{displayed} needs a Unix system")), "{error}");
            assert!(error.contains("127.0.0.1:9000"), "{error}");
        }
    }
}
