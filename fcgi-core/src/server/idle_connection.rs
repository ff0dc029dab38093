//! A connection between two requests, without the memory of a busy one.

use alloc::sync::Arc;

use super::config::Config;
use super::connection::Connection;
use super::rejected_at_begin::RejectedAtBegin;

/// A connection between two requests, in a few bytes.
///
/// A driver of many idle connections can lend the same [`Connection`] to each of them while it is busy:
///
/// ```
/// use fcgi_core::server::{Connection, IdleConnection};
///
/// let mut first = IdleConnection::new(Default::default());
/// let mut second = IdleConnection::new(Default::default());
/// let mut connection = Connection::new(Default::default());
/// first.resume(&mut connection);
/// // … receive a request for the first connection, and write the response …
/// if first.suspend(&connection) {
///     second.resume(&mut connection);
/// }
/// ```
#[derive(Debug)]
pub struct IdleConnection {
    config: Arc<Config>,
    /// The generation of the next request's key: a key must not be reused for a later request of the same connection.
    generation: u32,
}

impl IdleConnection {
    /// A connection that has received nothing.
    #[must_use]
    pub const fn new(config: Arc<Config>) -> Self {
        Self { config, generation: 0 }
    }

    /// Makes `connection` continue this one.
    ///
    /// `connection` must be new, [suspended](Self::suspend), or [cleared](Connection::clear).
    pub fn resume(&self, connection: &mut Connection) {
        if !Arc::ptr_eq(&connection.config, &self.config) {
            connection.config = Arc::clone(&self.config);
        }
        connection.requests.set_generation(self.generation);
        // Of another connection.
        connection.upgraded = None;
        connection.control_bytes = 0;
        connection.rejected = RejectedAtBegin::NONE;
    }

    /// Suspends `connection`, which continues this one, and returns whether another one can use its memory now. `false` if a
    /// request is active or half-closed, a record is incomplete, output is unwritten, input was discarded since the last request,
    /// or the connection accepts no more requests: it must then continue as it is.
    #[must_use]
    pub fn suspend(&mut self, connection: &Connection) -> bool {
        self.generation = connection.requests.generation();
        connection.is_unused()
    }
}
