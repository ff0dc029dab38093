//! What all bodies together hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The bytes that all bodies together hold in memory, or in files.
#[derive(Debug, Default)]
pub(super) struct Total(AtomicU64);

impl Total {
    pub(super) fn used(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The part of a [`Total`] that one body holds. Dropping it returns its bytes.
#[derive(Debug)]
pub(super) struct Reservation {
    total: Arc<Total>,
    limit: u64,
    bytes: u64,
}

impl Reservation {
    /// Reserves nothing yet. `limit` is that of the total.
    pub(super) fn new(total: &Arc<Total>, limit: u64) -> Self {
        Self { total: Arc::clone(total), limit, bytes: 0 }
    }

    /// Reserves `bytes` more, unless the total would exceed its limit.
    pub(super) fn try_grow(&mut self, bytes: u64) -> bool {
        let grown = |used: u64| used.checked_add(bytes).filter(|used| *used <= self.limit);
        let reserved = self.total.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).is_ok();
        if reserved {
            self.bytes += bytes;
        }
        reserved
    }

    /// Reserves `bytes` more, also above the limit of the total.
    pub(super) fn grow(&mut self, bytes: u64) {
        self.total.0.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
    }

    /// Returns `bytes`.
    pub(super) fn shrink(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.total.0.fetch_sub(bytes, Ordering::Relaxed);
        self.bytes -= bytes;
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shrink(self.bytes);
    }
}
