//! The entries of all open connections, and what they have counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::entry::{ConnectionEntry, Totals};

/// The entries of all open connections, in parts with a lock each, so that threads that open and close connections rarely meet.
#[derive(Debug, Default)]
pub(super) struct Registry {
    last: AtomicU64,
    parts: [Part; PARTS],
}

const PARTS: usize = 16;

#[derive(Debug, Default)]
#[repr(align(128))]
struct Part(Mutex<Connections>);

#[derive(Debug, Default)]
struct Connections {
    open: BTreeMap<u64, Arc<ConnectionEntry>>,
    /// Of those that were closed.
    closed: Totals,
}

impl Registry {
    pub(super) fn add(&self, now: u64) -> Arc<ConnectionEntry> {
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let entry = Arc::new(ConnectionEntry::new(id, now));
        self.part(id).open.insert(id, Arc::clone(&entry));
        entry
    }

    /// Removes an entry that does not change any more.
    pub(super) fn remove(&self, entry: &ConnectionEntry) {
        let mut part = self.part(entry.id);
        if part.open.remove(&entry.id).is_some() {
            part.closed.add(&entry.totals());
        }
    }

    /// What all connections have counted, open and closed ones.
    ///
    /// Each connection is counted once, because it becomes a closed one under the lock. So no number is ever smaller than in a
    /// call before.
    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for part in &self.parts {
            let part = part.lock();
            totals.add(&part.closed);
            for entry in part.open.values() {
                totals.add(&entry.totals());
            }
        }
        totals
    }

    /// All entries, the oldest first.
    pub(super) fn entries(&self) -> Vec<Arc<ConnectionEntry>> {
        let mut entries = Vec::new();
        for part in &self.parts {
            entries.extend(part.lock().open.values().cloned());
        }
        entries.sort_by_key(|entry| entry.id);
        entries
    }

    fn part(&self, id: u64) -> MutexGuard<'_, Connections> {
        self.parts[id as usize % PARTS].lock()
    }
}

impl Part {
    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn totals_do_not_fall_while_connections_open_and_close() {
        const CONNECTIONS: u64 = 5_000;
        let registry = Registry::default();
        let serve = || {
            for _ in 0..CONNECTIONS {
                let entry = registry.add(0);
                entry.count_request();
                entry.received.store(5, Ordering::Relaxed);
                entry.count_quick(3);
                entry.sent.store(7, Ordering::Relaxed);
                registry.remove(&entry);
                // A second time changes nothing.
                registry.remove(&entry);
            }
        };
        let numbers = |totals: Totals| {
            [totals.requests, totals.quick, totals.quick_ticks, totals.received, totals.sent]
        };
        let mut before = [0; 5];
        thread::scope(|scope| {
            let threads = [scope.spawn(serve), scope.spawn(serve)];
            while !threads.iter().all(|thread| thread.is_finished()) {
                let totals = registry.totals();
                assert!(totals.quick <= totals.requests, "{totals:?}");
                let now = numbers(totals);
                assert!(before.iter().zip(&now).all(|(before, now)| before <= now), "{before:?} {now:?}");
                before = now;
            }
        });
        let closed = 2 * CONNECTIONS;
        assert_eq!(numbers(registry.totals()), [closed, closed, 3 * closed, 5 * closed, 7 * closed]);
        assert!(registry.entries().is_empty());
    }
}
