//! The application's side of a connection: receives requests, sends responses.

mod config;
mod connection;
mod event;
mod event_queue;
mod idle_connection;
mod incomplete_heads;
mod management;
mod recv;
mod recv_whole;
mod rejected_at_begin;
mod request_state;
mod requests;
mod send;
mod shutdown;
#[cfg(test)]
mod tests;
mod upgrade;

pub use self::config::{Config, OverloadResponse, ParamsBuffer};
pub use self::connection::Connection;
pub use self::event::{Event, NewRequest, RejectReason};
pub use self::idle_connection::IdleConnection;
pub use self::rejected_at_begin::RejectedAtBegin;
pub use self::shutdown::{CloseAction, EndOfInput};
