//! `serve` and `serve_auto`: accept connections and drive each.

mod accept;
#[cfg(unix)]
mod auto;
mod builder;
mod config;
mod connections;
mod descriptors;
mod service;
#[cfg(all(unix, feature = "systemd-notify"))]
mod systemd_notify;

pub(crate) use self::accept::accept;
#[cfg(unix)]
pub use self::auto::{ServeAuto, serve_auto};
pub use self::builder::{Serve, ServeFuture, ServeWithShutdown, serve};
pub use self::config::Config;
