//! The memory that the connections of a thread share: only one of them at a time is read from or written to.
//!
//! An idle connection so holds none, and one that turns busy allocates none. What was last used is used next,
//! while it is in the processor's cache.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Bytes of the buffer that is read to. At most eight times the smallest piece that the protocol shares, so that
/// a piece keeps alive eight times its size.
const READ_BUF_SIZE: usize = 64 * 1024;
/// Bytes that a read has room for, at the least.
const MIN_READ: usize = 32 * 1024;
/// Bytes of the output of a connection that are kept for the next one.
const WRITE_BUF_SIZE: usize = 16 * 1024;

/// Bytes of PARAMS that are kept for the next request, and for how many.
const PARAMS_BUF_SIZE: usize = 4 * 1024;
const MAX_POOLED_PARAMS: usize = 64;
/// Chunks for which a queue has memory between two uses.
const MAX_CHUNKS: usize = 64;

thread_local! {
    static INPUT: RefCell<BytesMut> = RefCell::new(BytesMut::new());
    static OUT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static CHUNKS: RefCell<VecDeque<Bytes>> = const { RefCell::new(VecDeque::new()) };
    static HEADS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Runs `read` with an empty buffer, which it leaves empty: what it has read, it drops or splits off.
pub(crate) fn with_read_buffer<T>(read: impl FnOnce(&mut BytesMut) -> T) -> T {
    INPUT.with(|input| match input.try_borrow_mut() {
        Ok(mut buffer) => {
            if buffer.capacity() < MIN_READ {
                // The same memory again, if all that was read to it has been consumed.
                buffer.reserve(READ_BUF_SIZE);
            }
            read(&mut buffer)
        }
        // A transport that polls another connection while it is read from.
        Err(_) => read(&mut BytesMut::with_capacity(READ_BUF_SIZE)),
    })
}

/// Runs `read` with an empty queue of chunks, which it leaves empty: it moves what it has read elsewhere.
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
        // A waker that polls another connection.
        Err(_) => read(&mut VecDeque::new()),
    })
}

/// The memory of an output in which nothing waits.
pub(crate) fn take_output() -> Vec<u8> {
    OUT.take()
}

pub(crate) fn keep_output(memory: Vec<u8>) {
    if (1..=WRITE_BUF_SIZE).contains(&memory.capacity()) {
        OUT.set(memory);
    }
}

/// An empty buffer for PARAMS.
pub(crate) fn take_params() -> Vec<u8> {
    // Where the thread ends, there is nothing to take from.
    HEADS.try_with(|heads| heads.borrow_mut().pop()).ok().flatten().unwrap_or_default()
}

/// PARAMS as they are shared by a request and its headers. Once the last of them is gone, their memory is that of
/// another request.
pub(crate) fn share_params(params: Vec<u8>) -> Bytes {
    Bytes::from_owner(PooledParams(params))
}

/// Memory that goes back where it was taken from.
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
        // Where the thread ends, the memory does.
        let _ = HEADS.try_with(|heads| {
            let mut heads = heads.borrow_mut();
            if heads.len() < MAX_POOLED_PARAMS {
                heads.push(memory);
            }
        });
    }
}
