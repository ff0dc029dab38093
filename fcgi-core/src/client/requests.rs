//! The requests of one connection, by id and by key.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::request_state::RequestState;
use crate::error::UserError;
use crate::key::RequestKey;
use crate::record::{RecordType, RequestId, Role};
use crate::recv_buffer::RecvBuffer;

/// All requests that are active, or whose responses are unread.
///
/// Lookups by key and by id take constant time: up to 65 535 requests are active, and more may have unread responses.
#[derive(Debug)]
pub(super) struct Requests {
    /// Requests by the slot in their keys.
    slots: Vec<Option<Entry>>,
    /// Empty slots.
    free_slots: Vec<u32>,
    /// The slots of active requests by their ids minus one.
    by_id: Vec<Option<u32>>,
    /// Ids in `by_id` without an active request.
    free_ids: BinaryHeap<Reverse<RequestId>>,
    /// The generation of the next key. Wraps around after 4 294 967 296 requests of one connection.
    generation: u32,
    /// The number of slots that were accessed.
    #[cfg(test)]
    pub(super) probes: core::cell::Cell<u64>,
}

/// One request.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: RequestKey,
    pub(super) id: RequestId,
    pub(super) state: RequestState,
    pub(super) stdout: RecvStream,
    pub(super) stderr: RecvStream,
}

/// A stream of a response.
#[derive(Debug, Default)]
pub(super) struct RecvStream {
    pub(super) buffer: RecvBuffer,
    /// A readable event is queued, or the driver has not read since.
    pub(super) readable_queued: bool,
}

impl Entry {
    /// Bytes of the response that were received and not released.
    pub(super) fn unreleased(&self) -> usize {
        self.stdout.buffer.unreleased().saturating_add(self.stderr.buffer.unreleased())
    }

    /// Drops all unread and future bytes of the response. Returns the bytes that this releases.
    pub(super) fn discard(&mut self) -> usize {
        self.stdout.buffer.discard().saturating_add(self.stderr.buffer.discard())
    }

    /// Whether the request has ended and its response is released.
    pub(super) fn is_over(&self) -> bool {
        !self.state.is_active() && self.unreleased() == 0
    }
}

impl Requests {
    pub(super) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            free_slots: Vec::new(),
            by_id: Vec::new(),
            free_ids: BinaryHeap::new(),
            generation: 0,
            #[cfg(test)]
            probes: core::cell::Cell::new(0),
        }
    }

    /// Inserts a new request with the lowest free id, or returns `None` if all are in use.
    ///
    /// The lowest, since some applications support only id 1, the only one that nginx sends.
    pub(super) fn insert(&mut self, role: Role) -> Option<(RequestKey, RequestId)> {
        let id = self.take_id()?;
        let slot = self.free_slots.pop().unwrap_or_else(|| {
            if self.slots.is_empty() {
                // Most connections have one request at a time.
                self.slots.reserve_exact(1);
            }
            self.slots.push(None);
            u32::try_from(self.slots.len().saturating_sub(1)).unwrap_or(u32::MAX)
        });
        let key = RequestKey { slot, generation: self.generation };
        self.generation = self.generation.wrapping_add(1);
        let state = RequestState::begin(role);
        *self.slot(slot)? =
            Some(Entry { key, id, state, stdout: RecvStream::default(), stderr: RecvStream::default() });
        *self.by_id.get_mut(index(id)?)? = Some(slot);
        Some((key, id))
    }

    /// The active request with this id.
    pub(super) fn by_id(&mut self, id: RequestId) -> Option<&mut Entry> {
        let slot = (*self.by_id.get(index(id)?)?)?;
        self.slot(slot)?.as_mut()
    }

    pub(super) fn by_key(&mut self, key: RequestKey) -> Result<&mut Entry, UserError> {
        let entry = self.slot(key.slot).and_then(Option::as_mut);
        entry.filter(|entry| entry.key == key).ok_or(UserError::RequestClosed)
    }

    /// END_REQUEST was received. Returns the key, and the streams to end now. Frees the id.
    pub(super) fn end(
        &mut self,
        id: RequestId,
    ) -> Option<(RequestKey, impl Iterator<Item = RecordType> + use<>)> {
        let entry = self.by_id(id)?;
        let ended = (entry.key, entry.state.end());
        if self.active() == 1 {
            // The last active request: all ids are free again.
            self.by_id.clear();
            self.free_ids.clear();
        } else {
            *self.by_id.get_mut(index(id)?)? = None;
            self.free_ids.push(Reverse(id));
        }
        Some(ended)
    }

    /// Removes a request of which nothing was sent.
    pub(super) fn cancel(&mut self, key: RequestKey) {
        if let Ok(id) = self.by_key(key).map(|entry| entry.id) {
            drop(self.end(id));
            self.remove_if_done(key);
        }
    }

    /// Removes the request if it is over.
    pub(super) fn remove_if_done(&mut self, key: RequestKey) {
        if !self.by_key(key).is_ok_and(|entry| entry.is_over()) {
            return;
        }
        if self.len() == 1 {
            self.slots.clear();
            self.free_slots.clear();
        } else if let Some(slot) = self.slot(key.slot) {
            *slot = None;
            self.free_slots.push(key.slot);
        }
    }

    /// All requests, oldest first.
    pub(super) fn oldest_first(&self) -> Vec<&Entry> {
        let mut entries: Vec<_> = self.slots.iter().flatten().inspect(|_| self.count_probe()).collect();
        // Wrapping: by age, also after a wraparound of the generation.
        entries.sort_unstable_by_key(|entry| Reverse(self.generation.wrapping_sub(entry.key.generation)));
        entries
    }

    /// The number of active requests.
    pub(super) fn active(&self) -> usize {
        self.by_id.len().saturating_sub(self.free_ids.len())
    }

    pub(super) const fn len(&self) -> usize {
        self.slots.len().saturating_sub(self.free_slots.len())
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> [usize; 4] {
        [self.slots.capacity(), self.free_slots.capacity(), self.by_id.capacity(), self.free_ids.capacity()]
    }

    /// Frees memory, except for one request.
    pub(super) fn shrink(&mut self) {
        if self.slots.is_empty() && self.slots.capacity() > 1 {
            self.slots = Vec::new();
            self.free_slots = Vec::new();
        }
        if self.by_id.is_empty() && self.by_id.capacity() > 1 {
            self.by_id = Vec::new();
            self.free_ids = BinaryHeap::new();
        }
    }

    /// Takes the lowest free id.
    fn take_id(&mut self) -> Option<RequestId> {
        if let Some(Reverse(id)) = self.free_ids.pop() {
            return Some(id);
        }
        let id = u16::try_from(self.by_id.len().saturating_add(1)).ok()?;
        if self.by_id.is_empty() {
            self.by_id.reserve_exact(1);
        }
        self.by_id.push(None);
        Some(RequestId(id))
    }

    fn slot(&mut self, slot: u32) -> Option<&mut Option<Entry>> {
        self.count_probe();
        self.slots.get_mut(usize::try_from(slot).ok()?)
    }

    fn count_probe(&self) {
        #[cfg(test)]
        self.probes.set(self.probes.get().wrapping_add(1));
    }
}

/// The index of an id in [`Requests::by_id`].
fn index(id: RequestId) -> Option<usize> {
    usize::from(id.0).checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Multiplier that shuffles the ids.
    const STEP: u32 = 40_503;

    #[test]
    fn a_full_table_needs_few_probes_per_request() {
        let mut requests = Requests::new();
        let mut keys: Vec<_> =
            (1..=u16::MAX).map(|id| (requests.insert(Role::RESPONDER).unwrap(), id)).collect();
        assert!(keys.iter().all(|((_, id), expected)| id.0 == *expected));
        assert_eq!((requests.insert(Role::RESPONDER), requests.active()), (None, 65_535));
        keys.sort_unstable_by_key(|((_, id), _)| u32::from(id.0) * STEP % 65_536);
        for ((key, id), _) in &keys {
            assert_eq!(requests.by_id(*id).unwrap().key, *key);
            assert_eq!(requests.end(*id).unwrap().0, *key);
            requests.remove_if_done(*key);
        }
        assert_eq!((requests.active(), requests.len()), (0, 0));
        assert!(requests.probes.get() <= 6 * 65_535, "{} probes", requests.probes.get());
    }

    #[test]
    fn a_request_gets_the_lowest_id_and_a_new_key() {
        let mut requests = Requests::new();
        let keys: Vec<_> = (0..5).map(|_| requests.insert(Role::RESPONDER).unwrap()).collect();
        for id in [4, 2] {
            let (key, _) = requests.end(RequestId(id)).unwrap();
            assert!(requests.by_id(RequestId(id)).is_none());
            requests.remove_if_done(key);
        }
        let reused: Vec<_> = (0..3).map(|_| requests.insert(Role::RESPONDER).unwrap()).collect();
        assert_eq!(reused.iter().map(|(_, id)| id.0).collect::<Vec<_>>(), [2, 4, 6]);
        for (key, id) in [keys[1], keys[3]] {
            assert_eq!(requests.by_key(key).err(), Some(UserError::RequestClosed), "{id}");
        }
        let ages: Vec<_> = requests.oldest_first().iter().map(|entry| entry.id.0).collect();
        assert_eq!(ages, [1, 3, 5, 2, 4, 6]);
    }

    #[test]
    fn the_oldest_is_first_after_a_wraparound() {
        let mut requests = Requests::new();
        requests.generation = u32::MAX - 1;
        for _ in 0..4 {
            requests.insert(Role::RESPONDER).unwrap();
        }
        let ages: Vec<_> = requests.oldest_first().iter().map(|entry| entry.id.0).collect();
        assert_eq!(ages, [1, 2, 3, 4]);
    }
}
