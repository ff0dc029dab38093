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
//! # One request at a time
//! A connection has one request under way, as with nginx, Apache, lighttpd and Caddy. Applications that take
//! several are few, and PHP is none of them. [`fcgi_core::client`] multiplexes, for whom it helps.
//!
//! # Giving up
//! Dropping a response's future, or its body, gives the request up: the application is sent ABORT_REQUEST
//! (FastCGI §5.4). Once it has ended the request, or if it does not [in time](Config::abort_timeout), the
//! connection is closed. So a time-out around the service is all that is needed to have one.
//!
//! # What an answer must have
//! END_REQUEST. The end of the stream without it is an error of the body, however much has come, and so are
//! fewer or more bytes than the answer's own Content-Length.

mod body;
mod config;
mod connection;
mod error;
mod exchange;
mod head;
mod mailbox;
mod names;
mod pool;
mod sender;
mod upload;
mod variables;

pub use self::body::ResponseBody;
pub use self::config::Config;
pub use self::connection::{Connection, handshake};
pub use self::error::Error;
pub use self::head::LocalRedirect;
pub use self::pool::Pool;
pub use self::sender::{ResponseFuture, SendRequest};
pub use self::variables::ExtraParams;
