//! What the web server tells, as extractors.

mod client;
mod params;
mod server;

pub use self::client::client_addr;
pub use self::params::{MissingParams, Params};
pub use self::server::{MissingWebServerAddr, WebServerAddr};
