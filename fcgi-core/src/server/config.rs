//! What an application decides about its connections.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::limits::Limits;
use crate::record::{ProtocolStatus, Roles, Variable};

/// The settings of a [`Connection`](super::Connection), shared by all connections of an application.
#[derive(Debug, Clone)]
pub struct Config {
    /// Bounds on what the web server may send.
    pub limits: Limits,
    /// The roles that are played. A request for another one is answered with UNKNOWN_ROLE (FastCGI §5.5).
    /// Default: Responder.
    pub roles: Roles,
    /// What a request over [`Limits::max_concurrent_requests`] is told.
    pub overload_response: OverloadResponse,
    /// Told to web servers that ask with GET_VALUES (FastCGI §4.1): `FCGI_MAX_CONNS`. Default 1 024. Nothing
    /// here enforces it, since a connection knows nothing of the others.
    pub max_conns: u32,
    /// Told to web servers that ask with GET_VALUES: `FCGI_MAX_REQS`, but never more than [`Limits::max_concurrent_requests`], which
    /// is what a connection takes. Default 4: HAProxy, the one web server that asks, then sends no more than so many
    /// requests at once on a connection, and without the fix of haproxy/haproxy#3346 it answers some with a 500 of its
    /// own where their heads do not fit into its buffer together. That has 16 384 bytes, the room of four heads of
    /// 4 KB. With 8 one in ten failed whose head had 2 KB.
    pub max_reqs: u32,
    /// Where the memory of PARAMS comes from, and goes to. Default: the allocator.
    pub params_buffer: ParamsBuffer,
}

/// Where the memory comes from that holds a request's PARAMS, and what shares it between the [`Params`] and its
/// slices: a driver that has served a request can so serve the next one with the same memory.
///
/// [`Params`]: crate::Params
#[derive(Debug, Clone, Copy)]
pub struct ParamsBuffer {
    /// Gives a buffer, empty, of any capacity.
    pub allocate: fn() -> Vec<u8>,
    /// Makes a buffer shared that `take` gave. The result must have the same content.
    pub freeze: fn(Vec<u8>) -> Bytes,
}

impl Default for ParamsBuffer {
    fn default() -> Self {
        Self { allocate: Vec::new, freeze: Bytes::from }
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
    /// The value of a variable that GET_VALUES asks for: no more than what this configuration really does.
    ///
    /// FastCGI §4.1 means `FCGI_MAX_REQS` for the whole application, HAProxy takes it for a connection. It is
    /// told what one connection should get, which is right for the one and on the safe side for the other.
    pub(super) fn value(&self, variable: Variable) -> usize {
        match variable {
            Variable::MaxConns => usize::try_from(self.max_conns).unwrap_or(usize::MAX),
            Variable::MaxReqs => usize::try_from(self.max_reqs)
                .map_or(self.limits.max_concurrent_requests, |told| {
                    told.min(self.limits.max_concurrent_requests)
                }),
            Variable::MpxsConns => usize::from(self.limits.max_concurrent_requests > 1),
        }
    }
}

/// What a request is told that comes when as many as [`Limits::max_concurrent_requests`] are alive, or when the connection
/// is about to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OverloadResponse {
    /// END_REQUEST with this status: [`ProtocolStatus::OVERLOADED`] or [`ProtocolStatus::CANT_MPX_CONN`], as
    /// FastCGI §5.5 has it. HAProxy leaves its client hanging on either.
    Status(ProtocolStatus),
    /// This text on STDOUT, and END_REQUEST with `REQUEST_COMPLETE`: an answer that every web server
    /// passes on, such as a CGI response with `Status: 503`.
    Stdout(Bytes),
}
