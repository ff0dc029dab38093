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
//! # Overview
//!
//! - Records: [`RecordHeader`], [`RecordType`], [`BeginRequest`], [`EndRequest`], [`UnknownType`],
//!   [`Variable`], for both directions.
//! - The record codec: [`RecordDecoder`], [`RecordEncoder`]. Name-value pairs: [`NameValuePairs`],
//!   [`encode_pair`], [`Params`].
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
pub use name_value::{NameValuePairs, encode_pair};
pub use params::{Iter as ParamsIter, Params};
pub use record::{
    BeginRequest, Direction, EndRequest, ForeignProtocol, ProtocolStatus, RecordHeader, RecordType,
    RequestId, Role, Roles, UnknownType, VERSION, Variable,
};
pub use stream_state::StreamState;
