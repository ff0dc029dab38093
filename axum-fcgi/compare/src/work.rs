//! What is asked of an application, and how.

use std::iter;

use crate::{application::Protocol, headers, request};

/// A kind of request, and how many are under way at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    pub(crate) path: &'static str,
    /// Bytes of the request's body; 0 is a GET.
    pub(crate) up: usize,
    /// Bytes of the answer's body.
    pub(crate) down: usize,
    /// Connections that are open.
    pub(crate) connections: usize,
    /// Those of them that are in use; the others have had a request and wait for the next.
    pub(crate) active: usize,
    /// Requests under way on each connection in use.
    pub(crate) in_flight: usize,
    pub(crate) kept: bool,
    /// Connections send the requests of different browsers, one connection not what another does.
    pub(crate) varied: bool,
}

impl Work {
    pub(crate) const fn hello(connections: usize) -> Self {
        Self {
            path: "/hello",
            up: 0,
            down: 13,
            connections,
            active: connections,
            in_flight: 1,
            kept: true,
            varied: false,
        }
    }

    pub(crate) const fn up(connections: usize, up: usize) -> Self {
        // What is answered is the number of bytes, in decimal.
        Self { path: "/sink", up, down: up.ilog10() as usize + 1, ..Self::hello(connections) }
    }

    pub(crate) const fn down_1_mib(connections: usize) -> Self {
        Self { path: "/down?n=1048576", down: 1024 * 1024, ..Self::hello(connections) }
    }

    pub(crate) const fn multiplexed(self, in_flight: usize) -> Self {
        Self { in_flight, ..self }
    }

    pub(crate) const fn a_connection_each(self) -> Self {
        Self { kept: false, ..self }
    }

    pub(crate) const fn varied(self) -> Self {
        Self { varied: true, ..self }
    }

    pub(crate) const fn active(self, active: usize) -> Self {
        Self { active, ..self }
    }

    /// The requests of a connection as they go over the wire, one for each that is under way at once.
    pub(crate) fn requests(&self, protocol: Protocol, connection: usize) -> Vec<Vec<u8>> {
        let headers = headers::of(if self.varied { connection } else { 0 });
        match protocol {
            Protocol::FastCgi => {
                (1..).take(self.in_flight).map(|id| request::fastcgi(self, &headers, id)).collect()
            }
            Protocol::Http => {
                iter::repeat_with(|| request::http(self, &headers)).take(self.in_flight).collect()
            }
        }
    }

    /// Connections from which on they send what others have sent already.
    pub(crate) const fn variants(&self) -> usize {
        if self.varied { self.connections } else { 1 }
    }
}
