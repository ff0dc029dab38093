//! The headers by which proxies report who the client is.

mod chain;
mod client;
mod element;
mod forwarded_client;
mod host;
mod layer;
mod names;
mod proxy_headers;
mod set_headers;
mod trusted_proxies;

#[cfg(feature = "gateway")]
pub(crate) use self::forwarded_client::ForwardedClient;
pub use self::layer::{ForwardedHeaders, ForwardedHeadersService};
#[cfg(feature = "gateway")]
pub(crate) use self::proxy_headers::Sent;
pub use self::trusted_proxies::TrustedProxies;
