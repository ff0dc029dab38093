//! An application behind a path of a Router: the Router is the web server.

mod body;
mod failure;
mod fast_cgi;
mod mounted;
mod path;
mod patience;
mod service;
mod settings;
mod site;
mod variables;

pub use self::fast_cgi::FastCgi;
pub use self::service::FastCgiFuture;
pub use self::site::Symlinks;
