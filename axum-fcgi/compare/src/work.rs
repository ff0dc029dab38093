//! The kinds of load.

/// A kind of request, and how many are in flight at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    pub(crate) path: &'static str,
    /// Bytes of the request's body; 0 is a GET.
    pub(crate) up: usize,
    /// Bytes of the response's body.
    pub(crate) down: usize,
    /// Connections that are open.
    pub(crate) connections: usize,
    /// Connections in use; the others have had a request and are idle.
    pub(crate) active: usize,
    /// Requests in flight on each connection in use.
    pub(crate) in_flight: usize,
    pub(crate) kept: bool,
    /// Each connection sends the headers of another browser.
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
        // The response is the number of bytes, in decimal.
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

    /// How many connections differ in what they send.
    pub(crate) const fn variants(&self) -> usize {
        if self.varied { self.connections } else { 1 }
    }
}
