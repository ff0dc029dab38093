//! An application behind a path of a Router: the Router is the web server.

mod body;
mod deadlines;
mod failure;
mod fast_cgi;
mod mount_path;
mod path;
mod service;
mod settings;
mod site;
mod variables;

pub use self::fast_cgi::FastCgi;
pub use self::service::FastCgiFuture;
pub use self::site::Symlinks;
