//! A FastCGI client: sends requests to an application, as a web server does.
//!
//! [`handshake`] turns a transport into a [`SendRequest`], which is a tower service, and a [`Connection`], a future that
//! drives it. A [`Pool`] makes as many connections as it needs, and a [`Balance`] spreads requests over several applications.
//!
//! ```
//! use bytes::Bytes;
//! use http_body_util::{BodyExt as _, Empty};
//! use tower::{ServiceExt as _, service_fn};
//! use tower_fcgi::{Connection, RequestBody, client};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // An application at the other end of a connection in memory.
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
//! A connection has one request in flight, as with nginx, Apache, lighttpd and Caddy, unless
//! [`Config::with_max_concurrent_requests`] allows more and the application takes them (FastCGI §4.1). Use it for many requests
//! that wait at the same time, for events for example, over few connections. Do not use it for large responses to slow
//! readers. Applications of this workspace and of Go take several requests, as do others that do not need a process for each
//! request. PHP does not.
//!
//! - *Probe.* A GET_VALUES record queries the application. A connection made by [`handshake`] sends it before its first request,
//!   which follows at once; further requests wait for the reply. An application that replies no, does not support GET_VALUES, or
//!   does not reply within 1 s gets one request at a time. A [`Pool`] probes an unknown application over a connection without a
//!   request, because libfcgi never replies, nor serves the requests behind the probe. During the probe, requests are sent over
//!   other connections. The result holds for all connections. If it is yes, each connection is probed; if it is no, the
//!   application is probed again after 5 minutes. After a failed connect the next probe is sent after 1 s, and without a reply
//!   after 10 s; both pauses double each time, up to 5 minutes.
//! - *Fairness.* Request bodies are sent in turn, one record of each.
//! - *Unread responses.* FastCGI has no flow control (§3.3): an unread response blocks those behind it on its connection. At
//!   [`Config::with_connection_window`] input pauses. After [`Config::with_body_stall_timeout`] the request with the most unread
//!   bytes is aborted, and its body returns [an error](ErrorKind::Stalled). A reader that is slow, but not stuck, slows the
//!   others down. A paused connection gets no further requests.
//! - *Aborts.* ABORT_REQUEST (§5.4) ends one request, and the others continue. Until the application has ended it, the
//!   connection gets no further requests. If it does not [in time](Config::with_abort_timeout), the connection closes after the
//!   others.
//! - *Panics.* A body that panics when polled or dropped fails only its own request, with [an error](ErrorKind::RequestPanic).
//! - *Failures.* A lost connection fails all of its requests. An application that rejects a request because of others
//!   (CANT_MPX_CONN, OVERLOADED; §5.5) has not run it: a [`Pool`] sends it once more, over another connection or alone.
//!
//! # Aborting a request
//! Dropping a response's future or its body aborts the request: the application gets ABORT_REQUEST (FastCGI §5.4). A request
//! that its connection has taken, or for which a pool connects, and whose body is in hand ([`BodyInHand`]) is sent
//! completely first, so that the application serves it: a form that was submitted counts, also if its client has left.
//! [`Config::with_finish_abandoned`] lets the application finish. The connection is closed when the application has ended
//! the request, or after [`Config::with_abort_timeout`], unless it has other requests. So a timeout around the service also
//! aborts the request.
//!
//! # Spans
//! Log events of a request, including the application's STDERR, are in the [`tracing`] span of the call, and its body is polled
//! in it. The span is kept until the application has ended the request. A [`Pool`]'s connections are in no span, because they
//! outlive the requests that opened them.
//!
//! # What makes a response complete
//! Only END_REQUEST does (FastCGI §5.5). If the stream ends without it, the body fails, however many bytes were received. It
//! also fails if the response is shorter than its Content-Length. A longer one is cut to it, and a warning logged; the
//! application must then end the request within [`Config::with_abort_timeout`], or its connection is closed.

mod balance;
mod body_in_hand;
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
mod ready_check;
mod request_body;
mod request_log;
mod response_body;
mod send_request;
mod state;
mod timeouts;
mod transport;
mod writer;

pub use self::balance::{Balance, BalanceBuilder};
pub use self::body_in_hand::BodyInHand;
pub use self::config::Config;
pub use self::connection::{Connection, handshake};
pub use self::error::{Error, ErrorKind};
pub use self::pool::{Pool, PoolBuilder, PoolFuture};
pub use self::request_body::body_length;
pub use self::response_body::ResponseBody;
pub use self::send_request::{ResponseFuture, SendRequest};
pub use crate::cgi::decode_response::LocalRedirect;
pub use crate::cgi::extra_params::ExtraParams;
