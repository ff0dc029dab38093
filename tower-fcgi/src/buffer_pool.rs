//! Buffers that the connections of a thread share: only one connection at a time reads or writes.
//!
//! So an idle connection holds no buffer, and one that becomes busy allocates none. The most recently used buffer is used
//! next, while it is in the processor's cache.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Bytes of the read buffer. At most eight times the smallest chunk that the protocol shares: so a chunk keeps at most eight
/// times its size alive.
const READ_BUF_SIZE: usize = 64 * 1024;
/// The least room in bytes for a read.
const MIN_READ: usize = 32 * 1024;
/// Bytes of an output buffer that is kept for the next connection.
const WRITE_BUF_SIZE: usize = 16 * 1024;
/// Capacity of the chunk queue that is kept for the next use.
const MAX_CHUNKS: usize = 64;

thread_local! {
    static READ_BUF: RefCell<BytesMut> = RefCell::new(BytesMut::new());
    static WRITE_BUF: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static CHUNKS: RefCell<VecDeque<Bytes>> = const { RefCell::new(VecDeque::new()) };
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
