//! Runs an application behind a path of a Router, which is its web server.

mod body;
mod builder;
mod error_status;
mod mount_path;
mod redirect;
mod resolver;
mod segment;
mod service;
mod settings;
mod timeout;
mod variables;

pub use self::builder::FastCgi;
pub use self::resolver::Symlinks;
pub use self::service::FastCgiFuture;
