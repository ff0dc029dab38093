//! Serve any [`tower_service::Service`] over FastCGI.
//!
//! A [`Connection`] drives one transport connection from a web server: it reads requests, calls the service
//! with an [`http::Request`], and writes its [`http::Response`] back. The crate [`fcgi_core`] implements the protocol; this
//! one adds I/O, timeouts, and the mapping between CGI and `http`.
//!
//! To serve an axum `Router` on a listener, use the crate [`axum-fcgi`](https://docs.rs/axum-fcgi), which is built on this one.
//!
//! # A server
//! An accept loop for any service. It needs no more than this; [`Builder`] adds limits, roles and a handle for graceful shutdown.
//! Its dependencies: `cargo add tower-fcgi http tokio tower --features tokio/full,tower/util`.
//!
//! ```
//! use std::convert::Infallible;
//!
//! use http::{Request, Response};
//! use tokio::net::TcpListener;
//! use tower_fcgi::{Connection, RequestBody};
//!
//! async fn hello(request: Request<RequestBody>) -> Result<Response<String>, Infallible> {
//!     Ok(Response::new(format!("Hello, {}!", request.uri())))
//! }
//!
//! async fn serve(listener: TcpListener) -> std::io::Result<()> {
//!     loop {
//!         let (stream, _) = listener.accept().await?;
//!         let connection = Connection::new(stream, tower::service_fn(hello));
//!         tokio::spawn(async move {
//!             if let Err(error) = connection.await {
//!                 eprintln!("{error}");
//!             }
//!         });
//!     }
//! }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let listener = TcpListener::bind("127.0.0.1:0").await?;
//! # let address = listener.local_addr()?;
//! # tokio::spawn(serve(listener));
//! # let (mut application, connection) = tower_fcgi::client::handshake(
//! #     tokio::net::TcpStream::connect(address).await?, Default::default());
//! # tokio::spawn(connection);
//! # let request = Request::get("/x").body(http_body_util::Empty::<bytes::Bytes>::new())?;
//! # let response = tower::ServiceExt::oneshot(&mut application, request).await?;
//! # let body = http_body_util::BodyExt::collect(response.into_body()).await?;
//! # assert_eq!(body.to_bytes(), "Hello, /x!");
//! # Ok(())
//! # }
//! ```
//!
//! # A client
//! [`client`] sends requests to an application, as a web server does. It also needs `cargo add bytes http-body-util`:
//!
//! ```no_run
//! use bytes::Bytes;
//! use http::Request;
//! use http_body_util::{BodyExt as _, Empty};
//! use tokio::net::UnixStream;
//! use tower::ServiceExt as _;
//! use tower_fcgi::client::{ExtraParams, Pool};
//!
//! # #[cfg(unix)]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let php = Pool::builder(|| UnixStream::connect("/run/php/php-fpm.sock")).max_size(16).build();
//! let script = [("SCRIPT_FILENAME", "/srv/site/index.php"), ("SCRIPT_NAME", "/index.php")];
//! let request = Request::get("/index.php?page=1")
//!     .extension(ExtraParams::from_iter(script))
//!     .body(Empty::<Bytes>::new())?;
//! let response = php.oneshot(request).await?;
//! println!("{}", response.status());
//! println!("{:?}", response.into_body().collect().await?.to_bytes());
//! # Ok(())
//! # }
//! # #[cfg(not(unix))]
//! # fn main() {}
//! ```
//!
//! # CGI
//! [`serve_cgi`] serves the one request of a plain CGI program (RFC 3875), with the same mapping.
//!
//! # What FastCGI cannot carry
//! - **Upgrades** (WebSocket), except behind lighttpd: see [`OnUpgrade`]. Elsewhere a `101` from the application becomes a
//!   500, with the reason on STDERR. Let the web server send such paths to a socket over HTTP instead; `axum-fcgi` has one.
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
//! `server` and `client` are default features, and neither needs the other.
//! - `server`: [`Connection`] and [`serve_cgi`].
//! - `client`: [`client`].
//! - `serde`: serializes and deserializes the numbers of [`stats`].
//!
//! # Panics in handlers
//! A handler that panics fails only its own request: with a 500, or by closing the connection if some of the
//! response was written. With `panic = "abort"` in the program's profile, the process ends instead.

#![cfg_attr(docsrs, feature(doc_cfg))]

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
mod shared_source;
#[cfg(any(feature = "client", feature = "server"))]
pub mod stats;
#[cfg(any(feature = "client", feature = "server"))]
mod sync;

#[cfg(feature = "server")]
pub use self::body::{BodyError, BodyErrorKind, RequestBody};
#[cfg(any(feature = "client", feature = "server"))]
pub use self::cgi::{InvalidReasonPhrase, ReasonPhrase};
#[cfg(feature = "server")]
pub use self::cgi::{OriginalUri, RequestTarget};
#[cfg(feature = "server")]
pub use self::log_throttle::LogThrottle;
#[cfg(feature = "server")]
pub use self::server::{
    Builder, CgiStdio, Config, Connection, ConnectionHandle, Error, ErrorKind, ErrorLog, FcgiService,
    FilterData, OnUpgrade, Params, RequestSummary, Stderr, StderrClosed, UpgradeError, UpgradeErrorKind,
    Upgraded, serve_cgi,
};
#[cfg(feature = "server")]
pub use self::stats::{Snapshot, Stats};
#[cfg(feature = "server")]
pub use fcgi_core::server::OverloadResponse;
pub use fcgi_core::{Limits, ParamsIter, ProtocolStatus, Role, Roles};

/// The README's example is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
