//! FastCGI 1.0 without I/O: the record codec and the state machine of a connection.
//!
//! Bytes go in and events come out; commands go in and bytes come out. This crate opens no socket, reads no
//! clock and starts no thread, so that it can be driven by anything, and tested byte by byte. It needs
//! `alloc`, not `std`.
//!
//! # FastCGI on a page
//!
//! A web server opens a stream connection to an application and sends *records* over it, each eight bytes of
//! [header](RecordHeader) and up to 65 535 bytes of content (§3.3 of the specification). A request is a
//! handful of them:
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
//! A *stream* is a sequence of records of one type and id; an empty record ends it. The [`RequestId`] tells
//! the requests of a connection apart, so that several can be under way at once, their records in any order.
//! The *role* says what the application is asked to be: almost always a [Responder](Role::RESPONDER).
//! `KEEP_CONN` in BEGIN_REQUEST asks to leave the connection open for the next request.
//!
//! # Where things are
//!
//! - Records: [`RecordHeader`], [`RecordType`], [`BeginRequest`], [`EndRequest`], [`UnknownType`],
//!   [`Variable`], for both directions.
//! - Bytes to records and back: [`RecordDecoder`], [`RecordEncoder`]; name-value pairs: [`NameValuePairs`], [`encode_pair`],
//!   [`Params`].
//! - The application's side of a connection: [`server::Connection`], whose docs have the contract with its driver.
//! - The web server's side: [`client::Connection`].
//! - Bounds: [`Limits`]. Errors: [`ProtocolError`] is the peer's, [`UserError`] the caller's.
//!
//! Sections marked § are those of the [FastCGI 1.0
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
mod recv_buffer;

pub use codec::{Fragment, RecordDecoder, RecordEncoder};
pub use error::{ProtocolError, ProtocolErrorKind, UserError};
pub use key::RequestKey;
pub use limits::Limits;
pub use name_value::{NameValuePairs, encode_pair};
pub use params::{Iter as ParamsIter, Params};
pub use record::{
    BeginRequest, Direction, EndRequest, ProtocolStatus, RecordHeader, RecordType, RequestId, Role, Roles,
    UnknownType, VERSION, Variable,
};
pub use server::StreamState;
