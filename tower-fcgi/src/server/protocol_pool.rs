//! States of the protocol that the connections of a thread share: an idle connection holds none.

use std::cell::RefCell;
use std::sync::Arc;

use fcgi_core::server::Connection;

/// The number of states that are kept for the next busy connections.
const MAX_POOLED_PROTOCOLS: usize = 64;

thread_local! {
    #[expect(clippy::vec_box, reason = "a connection holds the box, and must not move the state into it")]
    static PROTOCOLS: RefCell<Vec<Box<Connection>>> = const { RefCell::new(Vec::new()) };
}

/// Takes the state of the protocol for a connection that becomes busy. It is new, or as [`keep_protocol`] got it.
pub(super) fn take_protocol() -> Box<Connection> {
    PROTOCOLS.with_borrow_mut(Vec::pop).unwrap_or_else(|| Box::new(Connection::new(Arc::default())))
}

/// Returns the state of a connection that is suspended or cleared, for the next busy one.
pub(super) fn keep_protocol(connection: Box<Connection>) {
    // The pool may be gone already when the thread ends.
    let _ = PROTOCOLS.try_with(|protocols| {
        let mut protocols = protocols.borrow_mut();
        if protocols.len() < MAX_POOLED_PROTOCOLS {
            protocols.push(connection);
        }
    });
}
