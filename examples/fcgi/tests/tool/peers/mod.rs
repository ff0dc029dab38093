//! FastCGI applications with the same behaviour: `/echo` responds with the request's body, any other path with the method,
//! the target and a header.

mod build;
mod go;
mod libfcgi;
mod php;
mod tokio_fastcgi;

use std::any::Any;

use test_support::Result;

use crate::application::Application;

/// An application to check.
pub(crate) struct Peer {
    /// The name in the table.
    pub(crate) name: &'static str,
    /// Returns the version, or what is not installed.
    pub(crate) find: fn() -> std::result::Result<String, String>,
    pub(crate) start: fn() -> Result<Started>,
    /// The rules that the application is known to break.
    pub(crate) faults: &'static [&'static str],
}

/// A running application. Dropping it stops the application.
pub(crate) struct Started {
    /// The arguments for `fcgi check`.
    pub(crate) arguments: Vec<String>,
    pub(crate) _alive: Vec<Box<dyn Any + Send>>,
}

pub(crate) const OURS: Peer = Peer {
    name: "axum-fcgi",
    find: || Ok(env!("CARGO_PKG_VERSION").to_owned()),
    start: || {
        let application = Application::start()?;
        let arguments =
            vec![application.address.clone(), "/".to_owned(), "--echo".to_owned(), "/echo".to_owned()];
        Ok(Started { arguments, _alive: vec![Box::new(application)] })
    },
    faults: &[],
};

pub(crate) const OTHERS: &[Peer] = &[go::PEER, libfcgi::PEER, php::PEER, tokio_fastcgi::PEER];
