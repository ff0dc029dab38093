//! The web server's side of a connection: sends requests, receives responses.
//!
//! [`Connection`] is the counterpart of [`crate::server::Connection`], with the same records and the same contract.
//! Web servers, load balancers, health checks and tests use it to talk to an application.

mod config;
mod connection;
mod event;
mod recv;
mod request_state;
mod requests;
mod send;
#[cfg(test)]
mod tests;

pub use self::config::Config;
pub use self::connection::Connection;
pub use self::event::{EndOfInput, Event};
