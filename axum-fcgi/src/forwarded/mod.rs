//! The headers by which proxies report who the client is.

mod chain;
mod client;
mod element;
mod host;
mod layer;
mod names;
mod proxy_headers;
mod set_headers;
mod trusted_proxies;

pub use self::layer::{ForwardedHeaders, ForwardedHeadersService};
pub use self::trusted_proxies::TrustedProxies;
