//! Runs an application behind a path of a Router, which is its web server.

mod abandoned;
mod body;
mod client_connection;
mod defer_eof;
mod error_status;
mod fastcgi_gateway;
mod flush_first;
mod host;
mod internal_files;
mod internal_headers;
mod lingering_body;
mod mount_path;
mod name_folding;
mod path_rules;
mod php_gateway;
mod read_timeout;
mod reason_phrase;
mod redirect;
mod refusal;
mod resolver;
mod root_directory;
mod script_names;
mod segment;
mod service;
mod settings;
mod shared_settings;
mod spool;
mod timeout;
mod variables;

pub use self::defer_eof::{DeferEof, DeferEofIo};
pub use self::fastcgi_gateway::FastCgiGateway;
pub use self::internal_files::InternalFiles;
pub use self::php_gateway::PhpGateway;
pub use self::resolver::Symlinks;
pub use self::service::GatewayFuture;
pub use self::spool::{Buffering, RequestBuffering, ResponseBuffering};
