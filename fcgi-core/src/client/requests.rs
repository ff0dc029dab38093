//! The requests of one connection, by id and by key.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::request_state::RequestState;
use crate::error::UserError;
use crate::key::RequestKey;
use crate::record::{RecordType, RequestId, Role};
use crate::recv_buffer::RecvBuffer;

/// All requests that are live, or whose answers are unread.
///
/// A request is found by its key or its id in one step, however many there are: up to 65 535 are live, and more may have
/// an unread answer.
#[derive(Debug)]
pub(super) struct Requests {
    /// By the slot in their keys.
    slots: Vec<Option<Entry>>,
    /// Empty places in `slots`.
    free_slots: Vec<u32>,
    /// The slot of each live request, by its id less one.
    by_id: Vec<Option<u32>>,
    /// Ids without a live request that have a place in `by_id`.
    free_ids: BinaryHeap<Reverse<RequestId>>,
    /// The generation of the next key. Comes round after 4 294 967 296 requests of one connection.
    generation: u32,
    /// Entries that were looked at.
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

/// A stream of the answer.
#[derive(Debug, Default)]
pub(super) struct RecvStream {
    pub(super) buffer: RecvBuffer,
    /// An event that says so is on its way to the driver.
    pub(super) readable_queued: bool,
}

impl Entry {
    /// Bytes that the unread answer is charged.
    pub(super) fn unreleased(&self) -> usize {
        self.stdout.buffer.charge().saturating_add(self.stderr.buffer.charge())
    }

    /// Drops the unread answer and what is still to come of it; gives the charge that this frees.
    pub(super) fn discard(&mut self) -> usize {
        self.stdout.buffer.discard().saturating_add(self.stderr.buffer.discard())
    }

    /// Nothing more comes, and nothing is left to be read.
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

    /// Puts a new request in, with the lowest id that no live one has; `None` if all are taken.
    ///
    /// The lowest, since there are applications that know no id but 1, which is all that nginx sends.
    pub(super) fn insert(&mut self, role: Role) -> Option<(RequestKey, RequestId)> {
        let id = self.take_id()?;
        let slot = self.free_slots.pop().unwrap_or_else(|| {
            if self.slots.is_empty() {
                // Mostly there is no second one.
                self.slots.reserve_exact(1);
            }
            self.slots.push(None);
            u32::try_from(self.slots.len().saturating_sub(1)).unwrap_or(u32::MAX)
        });
        let key = RequestKey { slot, generation: self.generation };
        self.generation = self.generation.wrapping_add(1);
        let state = RequestState::begin(role);
        *self.place(slot)? =
            Some(Entry { key, id, state, stdout: RecvStream::default(), stderr: RecvStream::default() });
        *self.by_id.get_mut(index(id)?)? = Some(slot);
        Some((key, id))
    }

    /// The live request of that id.
    pub(super) fn by_id(&mut self, id: RequestId) -> Option<&mut Entry> {
        let slot = (*self.by_id.get(index(id)?)?)?;
        self.place(slot)?.as_mut()
    }

    pub(super) fn by_key(&mut self, key: RequestKey) -> Result<&mut Entry, UserError> {
        let entry = self.place(key.slot).and_then(Option::as_mut);
        entry.filter(|entry| entry.key == key).ok_or(UserError::RequestClosed)
    }

    /// END_REQUEST of that id; its key, and the streams that have to be ended now. The id is free.
    pub(super) fn end(
        &mut self,
        id: RequestId,
    ) -> Option<(RequestKey, impl Iterator<Item = RecordType> + use<>)> {
        let entry = self.by_id(id)?;
        let ended = (entry.key, entry.state.end());
        if self.active() == 1 {
            // The ids begin again with 1, and none has to be kept.
            self.by_id.clear();
            self.free_ids.clear();
        } else {
            *self.by_id.get_mut(index(id)?)? = None;
            self.free_ids.push(Reverse(id));
        }
        Some(ended)
    }

    /// Takes the request out if it is over.
    pub(super) fn remove_if_done(&mut self, key: RequestKey) {
        if !self.by_key(key).is_ok_and(|entry| entry.is_over()) {
            return;
        }
        if self.len() == 1 {
            self.slots.clear();
            self.free_slots.clear();
        } else if let Some(place) = self.place(key.slot) {
            *place = None;
            self.free_slots.push(key.slot);
        }
    }

    /// All of them, oldest first.
    pub(super) fn oldest_first(&self) -> Vec<&Entry> {
        let mut entries: Vec<_> = self.slots.iter().flatten().inspect(|_| self.count_probe()).collect();
        // By their age, also where the generations have come round.
        entries.sort_unstable_by_key(|entry| Reverse(self.generation.wrapping_sub(entry.key.generation)));
        entries
    }

    /// Requests that are live.
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

    /// Keeps the place of one request, which a connection that is used again needs again.
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

    /// The lowest id that is free.
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

    fn place(&mut self, slot: u32) -> Option<&mut Option<Entry>> {
        self.count_probe();
        self.slots.get_mut(usize::try_from(slot).ok()?)
    }

    fn count_probe(&self) {
        #[cfg(test)]
        self.probes.set(self.probes.get().wrapping_add(1));
    }
}

/// Where an id's slot lies in [`Table::by_id`].
fn index(id: RequestId) -> Option<usize> {
    usize::from(id.0).checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A step for each id that is in no order.
    const STEP: u32 = 40_503;

    #[test]
    fn a_full_table_costs_a_few_probes_a_request() {
        let mut table = Requests::new();
        let mut keys: Vec<_> =
            (1..=u16::MAX).map(|id| (table.insert(Role::RESPONDER).unwrap(), id)).collect();
        assert!(keys.iter().all(|((_, id), expected)| id.0 == *expected));
        assert_eq!((table.insert(Role::RESPONDER), table.active()), (None, 65_535));
        keys.sort_unstable_by_key(|((_, id), _)| u32::from(id.0) * STEP % 65_536);
        for ((key, id), _) in &keys {
            assert_eq!(table.by_id(*id).unwrap().key, *key);
            assert_eq!(table.end(*id).unwrap().0, *key);
            table.remove_if_done(*key);
        }
        assert_eq!((table.active(), table.len()), (0, 0));
        assert!(table.probes.get() <= 6 * 65_535, "{} probes", table.probes.get());
    }

    #[test]
    fn the_lowest_free_id_and_a_key_of_its_own() {
        let mut table = Requests::new();
        let keys: Vec<_> = (0..5).map(|_| table.insert(Role::RESPONDER).unwrap()).collect();
        for id in [4, 2] {
            let (key, _) = table.end(RequestId(id)).unwrap();
            assert!(table.by_id(RequestId(id)).is_none());
            table.remove_if_done(key);
        }
        let again: Vec<_> = (0..3).map(|_| table.insert(Role::RESPONDER).unwrap()).collect();
        assert_eq!(again.iter().map(|(_, id)| id.0).collect::<Vec<_>>(), [2, 4, 6]);
        for (key, id) in [keys[1], keys[3]] {
            assert_eq!(table.by_key(key).err(), Some(UserError::RequestClosed), "{id}");
        }
        let ages: Vec<_> = table.oldest_first().iter().map(|entry| entry.id.0).collect();
        assert_eq!(ages, [1, 3, 5, 2, 4, 6]);
    }

    #[test]
    fn the_oldest_is_first_when_generations_come_round() {
        let mut table = Requests::new();
        table.generation = u32::MAX - 1;
        for _ in 0..4 {
            table.insert(Role::RESPONDER).unwrap();
        }
        let ages: Vec<_> = table.oldest_first().iter().map(|entry| entry.id.0).collect();
        assert_eq!(ages, [1, 2, 3, 4]);
    }
}
