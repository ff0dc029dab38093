//! The protocol's state of a connection, which only a busy connection has.

use std::sync::Arc;

use fcgi_core::server::{Config, Connection, IdleConnection};

use super::protocol_pool;
use crate::buffer_pool;

/// The protocol's state of a connection. An idle one returns it to the thread's pool for the next busy connection: there can
/// be thousands of idle connections.
#[derive(Debug)]
pub(super) struct ProtocolSlot {
    /// `None` while the connection is idle.
    busy: Option<Box<Connection>>,
    idle: IdleConnection,
}

impl ProtocolSlot {
    pub(super) const fn new(config: Arc<Config>) -> Self {
        Self { busy: None, idle: IdleConnection::new(config) }
    }

    /// The state, taken from the pool if the connection was idle.
    #[inline]
    pub(super) fn resume(&mut self) -> &mut Connection {
        let idle = &self.idle;
        self.busy.get_or_insert_with(|| {
            let mut connection = protocol_pool::take_protocol();
            idle.resume(&mut connection);
            connection
        })
    }

    /// Returns the state to the pool if the connection is idle.
    #[inline]
    pub(super) fn suspend_if_idle(&mut self) {
        let idle = &mut self.idle;
        if let Some(connection) = self.busy.take_if(|connection| idle.suspend(connection)) {
            protocol_pool::keep_protocol(connection);
        }
    }

    pub(super) fn active_requests(&self) -> usize {
        self.busy.as_ref().map_or(0, |connection| connection.active_requests())
    }
}

impl Drop for ProtocolSlot {
    fn drop(&mut self) {
        if let Some(mut connection) = self.busy.take() {
            buffer_pool::keep_output(connection.output().take_buffer());
            connection.clear();
            protocol_pool::keep_protocol(connection);
        }
    }
}
