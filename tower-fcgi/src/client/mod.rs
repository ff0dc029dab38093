//! The web server's side: requests to an application.
//!
//! [`handshake`] makes of a transport connection a [`SendRequest`], which is a tower service, and a
//! [`Connection`], a future that drives it. [`Pool`] makes and keeps as many of them as it needs.
//!
//! ```
//! use bytes::Bytes;
//! use http_body_util::{BodyExt as _, Empty};
//! use tower::{ServiceExt as _, service_fn};
//! use tower_fcgi::{Connection, RequestBody, client};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // An application, at the other end of a connection in memory.
//! let (web_server, application) = tokio::io::duplex(1024);
//! tokio::spawn(Connection::new(application, service_fn(async |request: http::Request<RequestBody>| {
//!     Ok::<_, std::convert::Infallible>(http::Response::new(format!("Hello, {}!", request.uri())))
//! })));
//!
//! let (mut application, connection) = client::handshake(web_server, client::Config::default());
//! tokio::spawn(connection);
//! let request = http::Request::get("/x").body(Empty::<Bytes>::new())?;
//! let response = (&mut application).oneshot(request).await?;
//! assert_eq!(response.status(), 200);
//! assert_eq!(response.into_body().collect().await?.to_bytes(), "Hello, /x!");
//! # Ok(())
//! # }
//! ```
//!
//! # Multiplexing
//! A connection has one request under way, as with nginx, Apache, lighttpd and Caddy, unless
//! [`Config::with_max_concurrent_requests`] allows more and the application takes them (FastCGI §4.1). It pays for many requests that wait at
//! the same time, on events for example, over few connections; large answers to slow readers are better off without.
//! Applications that take several are those of this workspace and of Go, and others that are not one process for each
//! request; PHP is none of them.
//!
//! - *Who is asked.* [`handshake`]'s connection asks before its first request, which goes out at once, alone until there is an
//!   answer. An application that says no, does not know the question, or has not answered after 1 s gets one at a time. A [`Pool`]
//!   asks an application that it does not know over a connection without a request, for libfcgi never
//!   answers that question, nor anything behind it; requests go on meanwhile, over others. What it has found holds for all of its
//!   connections. Those that take several are asked on each connection, those that say no again after 5 minutes. An
//!   application that could not be reached is asked again after 1 s, one that has not answered after 10 s; either pause doubles
//!   each time, up to 5 minutes.
//! - *Fairness.* Bodies go out in turn, a record of each.
//! - *Unread answers.* FastCGI has no flow control (§3.3): who does not read an answer holds up those behind it on the
//!   same connection. From [`Config::with_connection_window`] on nothing more is read; once that has lasted for
//!   [`Config::with_body_stall_timeout`], the request with the most unread bytes is given up, and its body is
//!   [that error](Error::is_stalled). A reader that is slow, and not stuck, slows the others down. A held-up connection is given
//!   no further requests.
//! - *Giving up* one is ABORT_REQUEST for that one, and the others go on. Until its end has come, the connection is given no
//!   further requests; where that is not [in time](Config::abort_timeout), it ends with the others.
//! - *A body that panics*, when it is polled or dropped, fails its own request alone, and that [says so](Error::is_panic).
//! - *A connection that fails* fails all of them. An application that refuses a request since it has others
//!   (CANT_MPX_CONN, OVERLOADED) has done nothing for it, and a [`Pool`] sends it once more, over another connection or alone.
//!
//! # Giving up
//! Dropping a response's future, or its body, gives the request up: the application is sent ABORT_REQUEST
//! (FastCGI §5.4). Once it has ended the request, or if it does not [in time](Config::abort_timeout), the
//! connection is closed, unless it has others. So a time-out around the service is all that is needed to have one.
//!
//! # Spans
//! What is logged of a request, its application's STDERR among it, is logged in the [`tracing`] span that the request was called in,
//! and its body is polled there. The span is kept until the application has ended the request. A [`Pool`]'s connections are in
//! no span, for they outlive the requests that they are made for.
//!
//! # What an answer must have
//! END_REQUEST. The end of the stream without it is an error of the body, however much has come, and so are
//! fewer or more bytes than the answer's own Content-Length.

mod config;
mod connection;
mod dispatch;
mod driver;
mod error;
mod events;
mod exchange;
mod guard;
mod in_flight;
mod pool;
mod probe;
mod reader;
mod request_body;
mod response_body;
mod send_request;
mod state;
mod timeouts;
mod transport;
mod writer;

pub use self::config::Config;
pub use self::connection::{Connection, handshake};
pub use self::error::Error;
pub use self::pool::Pool;
pub use self::response_body::ResponseBody;
pub use self::send_request::{ResponseFuture, SendRequest};
pub use crate::cgi::decode_response::LocalRedirect;
pub use crate::cgi::encode_request::ExtraParams;
