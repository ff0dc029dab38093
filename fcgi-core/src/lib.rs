//! FastCGI 1.0 without I/O: the record codec and the state machine of a connection.
//!
//! A driver passes received bytes in and polls events; it calls commands and writes the resulting bytes. The crate opens
//! no socket, reads no clock and starts no thread, so any driver can use it, and tests control every byte. It needs
//! `alloc`, not `std`.
//!
//! # FastCGI on a page
//!
//! A web server opens a stream connection to an application and sends *records*: eight bytes of
//! [header](RecordHeader) and up to 65 535 bytes of content (§3.3 of the specification). A request consists of
//! a few records:
//!
//! ```text
//! web server                              application
//!   BEGIN_REQUEST  id 1, Responder  ──▶
//!   PARAMS         id 1, name-value pairs ──▶      the request's head: REQUEST_METHOD, HTTP_HOST, …
//!   PARAMS         id 1, empty      ──▶            the head is complete
//!   STDIN          id 1, bytes      ──▶            the body, in as many records as it takes
//!   STDIN          id 1, empty      ──▶            the body is complete
//!                                   ◀──  STDOUT       id 1, "Status: 200 OK\r\n…"
//!                                   ◀──  STDOUT       id 1, empty
//!                                   ◀──  END_REQUEST  id 1
//! ```
//!
//! A *stream* is a sequence of records of one type and id; an empty record ends it. The [`RequestId`]
//! identifies a request, so that the records of several requests can interleave on a connection. The *role* says
//! what the application should do with the request: almost always it is the [Responder](Role::RESPONDER).
//! `KEEP_CONN` in BEGIN_REQUEST asks the application to keep the connection open for the next request.
//!
//! # A whole conversation
//!
//! Both sides in memory. A real driver writes the output of each side to a socket; here `deliver` hands it to the other.
//!
//! ```
//! use std::collections::VecDeque;
//! use std::sync::Arc;
//!
//! use fcgi_core::{RecordEncoder, Role, client, server};
//!
//! /// Takes what one side has to write.
//! fn deliver(output: &mut RecordEncoder) -> Vec<u8> {
//!     let bytes = output.slices().flatten().copied().collect();
//!     output.advance(output.len());
//!     bytes
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut web_server = client::Connection::new(client::Config::default());
//! let mut application = server::Connection::new(Arc::new(server::Config::default()));
//!
//! // The web server sends a POST with a body of five bytes.
//! let request = web_server.begin(Role::RESPONDER, false)?;
//! web_server.param(request, b"REQUEST_METHOD", b"POST")?;
//! web_server.param(request, b"REQUEST_URI", b"/greet")?;
//! web_server.param(request, b"CONTENT_LENGTH", b"5")?;
//! web_server.end_params(request)?;
//! web_server.stdin(request, b"Alice")?;
//! web_server.end_stdin(request)?;
//! application.receive(&deliver(web_server.output()))?;
//!
//! // The application gets the request once its PARAMS are complete, then its body.
//! let Some(server::Event::Request(received)) = application.poll_event() else { panic!("a request") };
//! assert_eq!(received.params.get_str("REQUEST_URI"), Some("/greet"));
//! let mut body = VecDeque::new();
//! application.read_body(received.key, &mut body)?;
//! let name = String::from_utf8(body.iter().flatten().copied().collect())?;
//!
//! // It responds with a CGI head (RFC 3875 §6) and a body, and ends the request.
//! let response = format!("Content-Type: text/plain\r\n\r\nHello, {name}!");
//! application.stdout(received.key, response.as_bytes())?;
//! application.end_request(received.key, 0)?;
//! web_server.receive(&deliver(application.output()))?;
//!
//! // The web server reads the response. Only END_REQUEST makes it complete.
//! let mut stdout = VecDeque::new();
//! let mut complete = false;
//! while let Some(event) = web_server.poll_event() {
//!     match event {
//!         client::Event::StdoutReadable(key) => {
//!             web_server.read_stdout(key, &mut stdout)?;
//!         }
//!         client::Event::RequestEnded(_, end) => complete = end.app_status == 0,
//!         _ => {}
//!     }
//! }
//! assert!(complete);
//! let text = String::from_utf8(stdout.iter().flatten().copied().collect())?;
//! assert!(text.ends_with("Hello, Alice!"));
//! # Ok(())
//! # }
//! ```
//!
//! # Overview
//!
//! - Records: [`RecordHeader`], [`RecordType`], [`BeginRequest`], [`EndRequest`], [`UnknownType`],
//!   [`Variable`], for both directions.
//! - The record codec: [`RecordDecoder`], [`RecordEncoder`]. Name-value pairs: [`NameValuePairs`],
//!   [`encode_pair`], [`Params`]; [`RecordEncoder::write_pairs`] keeps them whole.
//! - The application's side of a connection: [`server::Connection`]. Its docs contain the contract with the driver.
//! - The web server's side: [`client::Connection`].
//! - Limits: [`Limits`]. Errors: [`ProtocolError`] is the peer's fault, [`UserError`] the caller's.
//!
//! § marks sections of the [FastCGI 1.0
//! specification](https://fastcgi-archives.github.io/FastCGI_Specification.html).

#![no_std]

extern crate alloc;

pub mod client;
pub mod server;

mod codec;
mod error;
mod key;
mod limits;
mod name_value;
mod params;
mod record;
mod record_action;
mod recv_buffer;
mod stream_state;

pub use codec::{Fragment, RecordDecoder, RecordEncoder};
pub use error::{ProtocolError, ProtocolErrorKind, UserError};
pub use key::RequestKey;
pub use limits::Limits;
pub use name_value::{MAX_PAIR_LEN, NameValuePairs, encode_pair};
pub use params::{Iter as ParamsIter, Params};
pub use record::{
    BeginRequest, Direction, EndRequest, ForeignProtocol, ProtocolStatus, RecordHeader, RecordType,
    RequestId, Role, Roles, UnknownType, VERSION, Variable,
};
pub use stream_state::StreamState;

/// The README's example is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
