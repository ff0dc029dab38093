//! `serve` and `serve_auto`: accept connections and drive each one in a task.

mod accept_loop;
#[cfg(unix)]
mod auto;
mod builder;
mod config;
mod deadline;
mod descriptor_limit;
mod future;
mod http_upgrades;
mod incoming_stream;
pub mod make_service;
mod prepare;
mod serve_with_shutdown;
mod service;
mod shutdown;
mod socket_options;
mod start_log;
#[cfg(all(unix, feature = "systemd-notify"))]
mod systemd_notify;
mod upgrade;

#[cfg(unix)]
pub use self::auto::{ServeAuto, serve_auto};
pub use self::builder::{Serve, serve};
pub use self::config::Config;
pub use self::future::ServeFuture;
pub use self::incoming_stream::IncomingStream;
pub use self::make_service::make_fcgi_service::MakeFcgiService;
pub use self::serve_with_shutdown::ServeWithShutdown;
