//! The configuration of an application's connections.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::limits::Limits;
use crate::record::{ProtocolStatus, Roles, Variable};

/// The configuration of a [`Connection`](super::Connection), shared by all connections of an application.
///
/// ```
/// let mut config = fcgi_core::server::Config::default();
/// config.max_reqs = 1;
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Limits on what the web server may send.
    pub limits: Limits,
    /// The supported roles. A request for another one is rejected with UNKNOWN_ROLE (FastCGI §5.5). Default:
    /// Responder.
    pub roles: Roles,
    /// The response to requests over [`Limits::max_concurrent_requests`].
    pub overload_response: OverloadResponse,
    /// The value of `FCGI_MAX_CONNS` for web servers that send GET_VALUES (FastCGI §4.1). Default 1 024. Not enforced
    /// here, since a connection does not know the others.
    pub max_conns: u32,
    /// The value of `FCGI_MAX_REQS` for web servers that send GET_VALUES, reduced to
    /// [`Limits::max_concurrent_requests`] if that is lower. Default 4.
    ///
    /// HAProxy, the only web server that sends GET_VALUES, then sends at most this many requests at once on a connection.
    /// Without the fix of haproxy/haproxy#3346 it answers some of them with a 500 of its own if their heads together do
    /// not fit its buffer: 16 384 bytes, the room of four heads of 4 KB. With 8, one request in ten with a head of 2 KB
    /// failed.
    pub max_reqs: u32,
    /// Where the memory of PARAMS comes from. Default: the allocator.
    pub params_buffer: ParamsBuffer,
}

/// The functions that allocate the memory of a request's PARAMS, and make it shareable by [`Params`] and its slices.
///
/// A driver can use them to reuse the memory of an earlier request.
///
/// [`Params`]: crate::Params
///
/// ```
/// use fcgi_core::server::{Config, ParamsBuffer};
/// let mut config = Config::default();
/// config.params_buffer = ParamsBuffer::new(|| Vec::with_capacity(4096), Vec::into);
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ParamsBuffer {
    /// Returns an empty buffer of any capacity.
    pub allocate: fn() -> Vec<u8>,
    /// Turns a buffer of `allocate` into `Bytes` with the same content.
    pub freeze: fn(Vec<u8>) -> Bytes,
}

impl ParamsBuffer {
    /// These two functions.
    #[must_use]
    pub const fn new(allocate: fn() -> Vec<u8>, freeze: fn(Vec<u8>) -> Bytes) -> Self {
        Self { allocate, freeze }
    }
}

impl Default for ParamsBuffer {
    fn default() -> Self {
        Self::new(Vec::new, Bytes::from)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            roles: Roles::RESPONDER,
            overload_response: OverloadResponse::Status(ProtocolStatus::OVERLOADED),
            max_conns: 1024,
            max_reqs: 4,
            params_buffer: ParamsBuffer::default(),
        }
    }
}

impl Config {
    /// The value of a variable for GET_VALUES_RESULT: never more than this configuration allows.
    ///
    /// FastCGI §4.1 defines `FCGI_MAX_REQS` for the application, but HAProxy applies it to a connection. The value is
    /// that of one connection: right for HAProxy, and safe for others.
    pub(super) fn value(&self, variable: Variable) -> usize {
        let max_concurrent_requests = self.limits.max_concurrent_requests;
        match variable {
            Variable::MaxConns => usize::try_from(self.max_conns).unwrap_or(usize::MAX),
            Variable::MaxReqs => usize::try_from(self.max_reqs)
                .map_or(max_concurrent_requests, |max_reqs| max_reqs.min(max_concurrent_requests)),
            Variable::MpxsConns => usize::from(max_concurrent_requests > 1),
        }
    }
}

/// The response to a request over [`Limits::max_concurrent_requests`], or on a closing connection.
///
/// A response that every web server understands:
///
/// ```
/// use fcgi_core::server::{Config, OverloadResponse};
/// let busy = b"Status: 503 Service Unavailable\r\nRetry-After: 5\r\n\r\n";
/// let mut config = Config::default();
/// config.overload_response = OverloadResponse::Stdout(busy[..].into());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OverloadResponse {
    /// END_REQUEST with this status: [`ProtocolStatus::OVERLOADED`] or [`ProtocolStatus::CANT_MPX_CONN`], as in
    /// FastCGI §5.5. HAProxy leaves its client hanging on either.
    Status(ProtocolStatus),
    /// This text on STDOUT, and END_REQUEST with `REQUEST_COMPLETE`. Every web server forwards it, for instance a CGI
    /// response with `Status: 503`.
    Stdout(Bytes),
}
