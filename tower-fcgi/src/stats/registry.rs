//! The entries of all open connections.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::entry::ConnectionEntry;

/// The entries of all open connections, in parts with a lock each, so that threads that open and close connections rarely meet.
#[derive(Debug, Default)]
pub(super) struct Registry {
    last: AtomicU64,
    parts: [Part; PARTS],
}

const PARTS: usize = 16;

#[derive(Debug, Default)]
#[repr(align(128))]
struct Part(Mutex<BTreeMap<u64, Arc<ConnectionEntry>>>);

impl Registry {
    pub(super) fn add(&self, now: u64) -> Arc<ConnectionEntry> {
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let entry = Arc::new(ConnectionEntry::new(id, now));
        self.part(id).insert(id, Arc::clone(&entry));
        entry
    }

    pub(super) fn remove(&self, entry: &ConnectionEntry) {
        self.part(entry.id).remove(&entry.id);
    }

    /// All entries, the oldest first.
    pub(super) fn entries(&self) -> Vec<Arc<ConnectionEntry>> {
        let mut entries = Vec::new();
        for part in &self.parts {
            entries.extend(part.lock().values().cloned());
        }
        entries.sort_by_key(|entry| entry.id);
        entries
    }

    fn part(&self, id: u64) -> MutexGuard<'_, BTreeMap<u64, Arc<ConnectionEntry>>> {
        self.parts[id as usize % PARTS].lock()
    }
}

impl Part {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<ConnectionEntry>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
