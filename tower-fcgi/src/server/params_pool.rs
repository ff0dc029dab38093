//! Buffers for PARAMS that the connections of a thread share.

use std::cell::RefCell;

use bytes::Bytes;

/// Bytes of a buffer that is kept for the next request, and the number of buffers.
const PARAMS_BUF_SIZE: usize = 4 * 1024;
const MAX_POOLED_PARAMS: usize = 64;

thread_local! {
    static PARAMS_BUFS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Takes an empty buffer for PARAMS.
pub(super) fn take_params() -> Vec<u8> {
    // The pool may be gone already when the thread ends.
    PARAMS_BUFS.try_with(|bufs| bufs.borrow_mut().pop()).ok().flatten().unwrap_or_default()
}

/// Makes PARAMS shareable by a request and its headers. The buffer returns to the pool when the last of them is dropped.
pub(super) fn share_params(params: Vec<u8>) -> Bytes {
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
