//! Buffers that the connections of a thread share: only one connection at a time reads or writes.
//!
//! So an idle connection holds no buffer, and one that becomes busy allocates none. The most recently used buffer is used
//! next, while it is in the processor's cache.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use fcgi_core::server::Connection;

/// Bytes of the read buffer. At most eight times the smallest chunk that the protocol shares: so a chunk keeps at most eight
/// times its size alive.
const READ_BUF_SIZE: usize = 64 * 1024;
/// The least room in bytes for a read.
const MIN_READ: usize = 32 * 1024;
/// Bytes of an output buffer that is kept for the next connection.
const WRITE_BUF_SIZE: usize = 16 * 1024;

/// Bytes of a PARAMS buffer that is kept for the next request, and the number of buffers.
const PARAMS_BUF_SIZE: usize = 4 * 1024;
const MAX_POOLED_PARAMS: usize = 64;
/// The number of states of the protocol that are kept for the next busy connections.
const MAX_POOLED_PROTOCOLS: usize = 64;
/// Capacity of the chunk queue that is kept for the next use.
const MAX_CHUNKS: usize = 64;

thread_local! {
    static READ_BUF: RefCell<BytesMut> = RefCell::new(BytesMut::new());
    static WRITE_BUF: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static CHUNKS: RefCell<VecDeque<Bytes>> = const { RefCell::new(VecDeque::new()) };
    static PARAMS_BUFS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    #[expect(clippy::vec_box, reason = "a connection holds the box, and must not move the state into it")]
    static PROTOCOLS: RefCell<Vec<Box<Connection>>> = const { RefCell::new(Vec::new()) };
}

/// Runs `read` with an empty buffer. It leaves the buffer empty: it drops or splits off what it has read.
#[inline]
pub(crate) fn with_read_buffer<T>(read: impl FnOnce(&mut BytesMut) -> T) -> T {
    READ_BUF.with(|buffer| match buffer.try_borrow_mut() {
        Ok(mut buffer) => {
            if buffer.capacity() < MIN_READ {
                // Reuses the memory if everything in it was consumed.
                buffer.reserve(READ_BUF_SIZE);
            }
            read(&mut buffer)
        }
        // The buffer is in use: the transport polls another connection in its `poll_read`.
        Err(_) => read(&mut BytesMut::with_capacity(READ_BUF_SIZE)),
    })
}

/// Runs `read` with an empty queue, which receives chunks on their way from the protocol to a body.
pub(crate) fn with_chunks<T>(read: impl FnOnce(&mut VecDeque<Bytes>) -> T) -> T {
    CHUNKS.with(|chunks| match chunks.try_borrow_mut() {
        Ok(mut chunks) => {
            let result = read(&mut chunks);
            chunks.clear();
            if chunks.capacity() > MAX_CHUNKS {
                *chunks = VecDeque::new();
            }
            result
        }
        // The queue is in use: a waker polls another connection.
        Err(_) => read(&mut VecDeque::new()),
    })
}

/// Takes a buffer for the output of a connection.
pub(crate) fn take_output() -> Vec<u8> {
    WRITE_BUF.take()
}

/// Returns the buffer of an empty output, for the next connection.
pub(crate) fn keep_output(memory: Vec<u8>) {
    if (1..=WRITE_BUF_SIZE).contains(&memory.capacity()) {
        // The pool may be gone already when the thread ends.
        let _ = WRITE_BUF.try_with(|buffer| buffer.set(memory));
    }
}

/// Takes the state of the protocol for a connection that becomes busy. It is new, or as [`keep_protocol`] got it.
pub(crate) fn take_protocol() -> Box<Connection> {
    PROTOCOLS.with_borrow_mut(Vec::pop).unwrap_or_else(|| Box::new(Connection::new(Arc::default())))
}

/// Returns the state of a connection that is suspended or cleared, for the next busy one.
pub(crate) fn keep_protocol(connection: Box<Connection>) {
    // The pool may be gone already when the thread ends.
    let _ = PROTOCOLS.try_with(|protocols| {
        let mut protocols = protocols.borrow_mut();
        if protocols.len() < MAX_POOLED_PROTOCOLS {
            protocols.push(connection);
        }
    });
}

/// Takes an empty buffer for PARAMS.
pub(crate) fn take_params() -> Vec<u8> {
    // The pool may be gone already when the thread ends.
    PARAMS_BUFS.try_with(|bufs| bufs.borrow_mut().pop()).ok().flatten().unwrap_or_default()
}

/// Makes PARAMS shareable by a request and its headers. The buffer returns to the pool when the last of them is dropped.
pub(crate) fn share_params(params: Vec<u8>) -> Bytes {
    Bytes::from_owner(PooledParams(params))
}

/// A PARAMS buffer that returns to the pool on drop.
struct PooledParams(Vec<u8>);

impl AsRef<[u8]> for PooledParams {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for PooledParams {
    fn drop(&mut self) {
        if !(1..=PARAMS_BUF_SIZE).contains(&self.0.capacity()) {
            return;
        }
        let mut memory = std::mem::take(&mut self.0);
        memory.clear();
        // The pool may be gone already when the thread ends.
        let _ = PARAMS_BUFS.try_with(|bufs| {
            let mut bufs = bufs.borrow_mut();
            if bufs.len() < MAX_POOLED_PARAMS {
                bufs.push(memory);
            }
        });
    }
}
