//! What an application decides about its connections.

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
    /// What a request over [`Limits::requests`] is told.
    pub overload: Overload,
    /// Told to web servers that ask with GET_VALUES (FastCGI §4.1): `FCGI_MAX_CONNS`. Default 1 024. Nothing
    /// here enforces it, since a connection knows nothing of the others.
    pub max_conns: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            roles: Roles::RESPONDER,
            overload: Overload::Status(ProtocolStatus::OVERLOADED),
            max_conns: 1024,
        }
    }
}

impl Config {
    /// The value of a variable that GET_VALUES asks for: what this configuration really does.
    ///
    /// FastCGI §4.1 means `FCGI_MAX_REQS` for the whole application, HAProxy takes it for a connection. It is
    /// told what one connection takes, which is right for the one and on the safe side for the other.
    pub(super) fn value(&self, variable: Variable) -> usize {
        match variable {
            Variable::MaxConns => usize::try_from(self.max_conns).unwrap_or(usize::MAX),
            Variable::MaxReqs => self.limits.requests,
            Variable::MpxsConns => usize::from(self.limits.requests > 1),
        }
    }
}

/// What a request is told that comes when as many as [`Limits::requests`] are alive, or when the connection
/// is about to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Overload {
    /// END_REQUEST with this status: [`ProtocolStatus::OVERLOADED`] or [`ProtocolStatus::CANT_MPX_CONN`], as
    /// FastCGI §5.5 has it. HAProxy leaves its client hanging on either.
    Status(ProtocolStatus),
    /// This text on STDOUT, and END_REQUEST with `REQUEST_COMPLETE`: an answer that every web server
    /// passes on, such as a CGI response with `Status: 503`.
    Stdout(Bytes),
}
