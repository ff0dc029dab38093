//! What the web server tells, as extractors.

mod client;
mod params;
mod server;

pub use self::client::client_addr;
pub(crate) use self::client::or_unspecified;
pub use self::params::{MissingParams, Params};
pub use self::server::{MissingWebServerAddr, WebServerAddr};
