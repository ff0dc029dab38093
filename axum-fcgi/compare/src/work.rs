//! The kinds of work.

/// A kind of request, and the number of connections and requests in flight.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    pub(crate) path: &'static str,
    /// Bytes of the request body; 0 means GET.
    pub(crate) up: usize,
    /// Bytes of the response body.
    pub(crate) down: usize,
    /// Open connections.
    pub(crate) connections: usize,
    /// Connections in use; the others are idle after one request.
    pub(crate) active: usize,
    /// Requests in flight on each connection in use.
    pub(crate) in_flight: usize,
    pub(crate) keep_alive: bool,
    /// Whether each connection sends a different browser's headers.
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
            keep_alive: true,
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

    pub(crate) const fn connection_per_request(self) -> Self {
        Self { keep_alive: false, ..self }
    }

    pub(crate) const fn varied(self) -> Self {
        Self { varied: true, ..self }
    }

    pub(crate) const fn active(self, active: usize) -> Self {
        Self { active, ..self }
    }

    /// The number of different requests.
    pub(crate) const fn variants(&self) -> usize {
        if self.varied { self.connections } else { 1 }
    }
}
