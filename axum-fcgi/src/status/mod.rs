//! A page with the numbers of a `Stats`: for a person, for a program, and for Prometheus.

mod format;
mod handler;
mod metrics;
mod page;
mod quantity;
mod report;

pub use self::handler::{Status, status};
