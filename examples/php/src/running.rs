//! Finds a php-fpm that already runs.

use std::path::Path;

use axum_fcgi::Address;
use tokio::net::UnixStream;

/// The sockets of Debian's, Fedora's, Arch's and Alpine's php-fpm.
const SOCKETS: [&str; 4] =
    ["/run/php/php-fpm.sock", "/run/php-fpm/www.sock", "/run/php-fpm/php-fpm.sock", "/run/php-fpm.sock"];

/// The address of a running php-fpm that accepts our connections.
pub(crate) async fn running() -> Option<Address> {
    for socket in SOCKETS {
        match UnixStream::connect(socket).await {
            Ok(_) => return Some(Address::Unix(socket.into())),
            Err(error) if Path::new(socket).exists() => eprintln!("{socket}: {error}"),
            Err(_) => {}
        }
    }
    None
}
