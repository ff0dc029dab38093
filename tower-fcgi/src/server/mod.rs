//! The application's side: one connection from a web server, and the requests that come over it.

mod activity;
mod builder;
mod cgi_program;
mod config;
mod dispatch;
mod driver;
mod error;
mod error_log;
pub(crate) mod failure;
mod filter;
mod filter_data;
mod handle;
mod in_flight;
mod oneshot;
mod params;
mod reader;
pub(crate) mod response_driver;
mod response_writer;
mod service;
mod shutdown;
mod stderr;
mod tasks;
mod timeouts;
mod timer_table;
mod writer;

pub use self::builder::Builder;
pub use self::cgi_program::{CgiStdio, serve_cgi};
pub use self::config::Config;
pub use self::driver::Connection;
pub use self::error::Error;
pub use self::error_log::ErrorLog;
pub use self::filter_data::FilterData;
pub use self::handle::ConnectionHandle;
pub use self::params::Params;
pub use self::service::FcgiService;
pub use self::stderr::{Stderr, StderrClosed};
