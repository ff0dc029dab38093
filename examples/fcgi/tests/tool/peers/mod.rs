//! FastCGI applications of others, each the same: `/echo` answers with the body that it is sent, any other path with the
//! method, the target and a header.

mod build;
mod go;
mod libfcgi;
mod php;
mod tokio_fastcgi;

use std::any::Any;

use test_support::Result;

use crate::application::Application;

/// What is checked.
pub(crate) struct Peer {
    /// As in the table.
    pub(crate) name: &'static str,
    /// Its version, if it is there; else what is missing.
    pub(crate) find: fn() -> std::result::Result<String, String>,
    pub(crate) start: fn() -> Result<Started>,
    /// The rules that it is known to break.
    pub(crate) faults: &'static [&'static str],
}

/// One that runs as long as this lives.
pub(crate) struct Started {
    /// Where it listens, and what else the tool has to be told.
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
