//! HTTP connections for upgrades, from web servers that do not carry them over FastCGI.
//!
//! The web server routes the paths of WebSockets to a socket of their own, over HTTP, and everything else over FastCGI. This
//! socket must be no second way to the application's pages: ARCHITECTURE.md has the reasons for its rules.
//!
//! | file | what |
//! | --- | --- |
//! | [`request`] | which requests reach the service, and with which target |
//! | [`client_addr`] | the client's address |
//! | [`connection`] | one request per connection, with hyper |
//! | [`stream`] | the transport, which outlives hyper's connection: counts it, ends it on shutdown |

mod client_addr;
mod connection;
mod request;
mod stream;

pub(super) use self::connection::HttpUpgrades;
