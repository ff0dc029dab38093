//! Serve any [`tower_service::Service`] over FastCGI.
//!
//! A [`Connection`] drives one transport connection from a web server: it reads requests, calls the service
//! with an [`http::Request`], and writes its [`http::Response`] back. The crate [`fcgi_core`] implements the protocol; this
//! one adds I/O, timeouts, and the mapping between CGI and `http`.
//!
//! To serve an axum `Router` on a listener, use the crate `axum-fcgi`, which is built on this one.
//!
//! ```
//! use std::convert::Infallible;
//! use http::{Request, Response};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! use tower_fcgi::{Connection, RequestBody};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let hello = tower::service_fn(async |request: Request<RequestBody>| {
//!     Ok::<_, Infallible>(Response::new(format!("Hello, {}!", request.uri())))
//! });
//! let (mut web_server, application) = tokio::io::duplex(1024);
//! let served = tokio::spawn(Connection::new(application, hello));
//!
//! // One request, as a web server sends it: BEGIN_REQUEST, PARAMS, and the ends of PARAMS and STDIN.
//! web_server.write_all(b"\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00").await?;
//! web_server.write_all(b"\x01\x04\x00\x01\x00\x22\x00\x00\x0e\x03REQUEST_METHODGET\x0b\x02REQUEST_URI/x").await?;
//! web_server.write_all(b"\x01\x04\x00\x01\x00\x00\x00\x00\x01\x05\x00\x01\x00\x00\x00\x00").await?;
//! let mut answer = Vec::new();
//! web_server.read_to_end(&mut answer).await?;
//! assert!(String::from_utf8_lossy(&answer).contains("\r\n\r\nHello, /x!"));
//! served.await??;
//! # Ok(())
//! # }
//! ```
//!
//! # The other side
//! [`client`] sends requests to an application, as a web server does.
//!
//! # CGI
//! [`serve_cgi`] serves the one request of a plain CGI program (RFC 3875), with the same mapping.
//!
//! # What FastCGI cannot carry
//! - **Upgrades** (WebSocket), except behind lighttpd: see [`OnUpgrade`]. Elsewhere a `101` from the application becomes a
//!   500, with the reason on STDERR. Leave such paths to the web server's HTTP proxy.
//! - **Trailers** of a response are dropped; **interim responses** (1xx) do not exist.
//!
//! # Roles
//! A connection serves only the role Responder (FastCGI §6.2) unless [`Builder::with_roles`] adds others. [`Params::role`]
//! is the role of a request.
//!
//! - An **Authorizer** (§6.3) decides whether the web server goes on with a request. A `200` allows it; its
//!   headers that begin with `Variable-` become variables of the allowed request, and its body is not sent. A response
//!   with any other status is sent to the client. The request has no body either.
//! - A **Filter** (§6.4) responds with the filtered content of a file that the web server sends with the request:
//!   [`FilterData`], in the request's extensions.
//!
//! # Below a prefix
//! A request's target is the one that the web server decided on, unless [`Config::with_request_target`] sets another: see
//! [`RequestTarget`].
//!
//! # Features
//! Both are default features, and neither needs the other.
//! - `server`: [`Connection`] and [`serve_cgi`].
//! - `client`: [`client`].
//!
//! # Panics in handlers
//! A handler that panics fails only its own request: with a 500, or by closing the connection if some of the
//! response was written. With `panic = "abort"` in the program's profile, the process ends instead.

#[cfg(any(feature = "client", feature = "server"))]
mod body;
#[cfg(any(feature = "client", feature = "server"))]
mod buffer_pool;
#[cfg(any(feature = "client", feature = "server"))]
mod cgi;
#[cfg(feature = "client")]
pub mod client;
#[cfg(any(feature = "client", feature = "server"))]
mod escaped;
#[cfg(feature = "server")]
mod log_throttle;
#[cfg(any(feature = "client", feature = "server"))]
mod panic;
#[cfg(any(feature = "client", feature = "server"))]
mod progress;
#[cfg(feature = "server")]
mod server;
#[cfg(any(feature = "client", feature = "server"))]
mod sync;

#[cfg(feature = "server")]
pub use self::body::{BodyError, RequestBody};
#[cfg(any(feature = "client", feature = "server"))]
pub use self::cgi::{InvalidReasonPhrase, ReasonPhrase};
#[cfg(feature = "server")]
pub use self::cgi::{OriginalUri, RequestTarget};
#[cfg(feature = "server")]
pub use self::log_throttle::LogThrottle;
#[cfg(feature = "server")]
pub use self::server::{
    Builder, CgiStdio, Config, Connection, ConnectionHandle, Error, ErrorLog, FcgiService, FilterData,
    OnUpgrade, Params, RequestSummary, Stderr, StderrClosed, UpgradeError, Upgraded, serve_cgi,
};
#[cfg(feature = "server")]
pub use fcgi_core::server::OverloadResponse;
pub use fcgi_core::{Limits, ParamsIter, ProtocolStatus, Role, Roles};
