//! The requests of one connection, by id and by key.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::request_state::RequestState;
use crate::error::UserError;
use crate::key::RequestKey;
use crate::name_value::PairValidator;
use crate::record::RequestId;
use crate::recv_buffer::RecvBuffer;

/// All requests that have begun and are not over, by id and by key.
#[derive(Debug)]
pub(super) struct Requests {
    slots: Vec<Option<Entry>>,
    /// Empty slots.
    free: Vec<u32>,
    /// The slot of each id, sorted by id. One entry per full slot.
    by_id: Vec<(RequestId, u32)>,
    /// The generation of the next key. Wraps around after 4 294 967 296 requests of one connection; only a key still in
    /// use then could be confused.
    generation: u32,
}

/// A response that has not started; half the size of an `Option` in each [`Entry`].
pub(super) const NOT_STARTED: u64 = u64::MAX;

/// One request.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: RequestId,
    pub(super) state: RequestState,
    /// The received PARAMS; empty once they are passed to the application.
    pub(super) params: Vec<u8>,
    /// Bytes of PARAMS that count for the limit on all PARAMS, until the request is answered.
    pub(super) params_bytes: usize,
    pub(super) validator: PairValidator,
    pub(super) stdin: RecvBuffer,
    /// A Filter's second stream, allocated with its first content.
    pub(super) data: Option<Box<RecvBuffer>>,
    /// An [`Event::BodyReadable`](super::Event::BodyReadable) is queued, or the driver has not read since.
    pub(super) readable_queued: bool,
    /// An [`Event::Aborted`](super::Event::Aborted) was queued.
    pub(super) abort_notified: bool,
    /// Position of the response in the output, or [`NOT_STARTED`].
    pub(super) response_start: u64,
    generation: u32,
}

impl Entry {
    /// Bytes of STDIN and DATA that were received and not released.
    pub(super) fn unreleased(&self) -> usize {
        let data = self.data.as_ref().map_or(0, |data| data.unreleased());
        self.stdin.unreleased().saturating_add(data)
    }

    /// Drops all unread and future bytes of STDIN and DATA. Returns the bytes that this releases.
    pub(super) fn discard(&mut self) -> usize {
        let data = self.data.as_mut().map_or(0, |data| data.discard());
        self.stdin.discard().saturating_add(data)
    }
}

impl Requests {
    pub(super) const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), by_id: Vec::new(), generation: 0 }
    }

    /// Inserts a new request; its id must not be present.
    pub(super) fn insert(&mut self, id: RequestId, state: RequestState) -> RequestKey {
        let generation = self.generation;
        self.generation = generation.wrapping_add(1);
        let entry = Entry {
            id,
            state,
            params: Vec::new(),
            params_bytes: 0,
            validator: PairValidator::default(),
            stdin: RecvBuffer::default(),
            data: None,
            readable_queued: false,
            abort_notified: false,
            response_start: NOT_STARTED,
            generation,
        };
        let slot = self.free.pop().unwrap_or_else(|| {
            if self.slots.is_empty() {
                // Most connections have one request at a time.
                self.slots.reserve_exact(1);
            }
            self.slots.push(None);
            // There is at most one slot for each of 65 535 ids.
            u32::try_from(self.slots.len().saturating_sub(1)).unwrap_or(u32::MAX)
        });
        if let Some(slot) = self.slot(slot) {
            *slot = Some(entry);
        }
        if let Err(index) = self.find(id) {
            self.by_id.insert(index, (id, slot));
        }
        RequestKey { slot, generation }
    }

    pub(super) fn by_id(&mut self, id: RequestId) -> Option<(RequestKey, &mut Entry)> {
        let (_, slot) = *self.by_id.get(self.find(id).ok()?)?;
        let entry = self.slot(slot)?.as_mut()?;
        Some((RequestKey { slot, generation: entry.generation }, entry))
    }

    pub(super) fn by_key(&mut self, key: RequestKey) -> Result<&mut Entry, UserError> {
        let entry = self.slot(key.slot).and_then(Option::as_mut).ok_or(UserError::RequestClosed)?;
        if entry.generation == key.generation { Ok(entry) } else { Err(UserError::RequestClosed) }
    }

    pub(super) fn get(&self, key: RequestKey) -> Option<&Entry> {
        let entry = self.slots.get(usize::try_from(key.slot).ok()?)?.as_ref()?;
        (entry.generation == key.generation).then_some(entry)
    }

    /// Removes a request. Returns the bytes that this releases.
    pub(super) fn remove(&mut self, key: RequestKey) -> Option<usize> {
        let slot = self.slot(key.slot)?;
        let entry = slot.as_ref().filter(|entry| entry.generation == key.generation)?;
        let (id, released) = (entry.id, entry.unreleased());
        *slot = None;
        if self.by_id.len() == 1 {
            // Fast path: most connections have one request at a time.
            self.by_id.clear();
        } else if let Ok(index) = self.find(id) {
            self.by_id.remove(index);
        }
        self.free.push(key.slot);
        Some(released)
    }

    pub(super) const fn len(&self) -> usize {
        self.by_id.len()
    }

    /// All requests, unordered.
    pub(super) fn iter(&self) -> impl Iterator<Item = (RequestKey, &Entry)> {
        (0..).zip(&self.slots).filter_map(|(slot, entry)| {
            let entry = entry.as_ref()?;
            Some((RequestKey { slot, generation: entry.generation }, entry))
        })
    }

    /// The positions of all responses in the output, unordered.
    pub(super) fn response_starts(&mut self) -> impl Iterator<Item = &mut u64> {
        let starts = self.slots.iter_mut().flatten().map(|entry| &mut entry.response_start);
        starts.filter(|start| **start != NOT_STARTED)
    }

    /// Frees the memory of an empty table, except for one slot.
    pub(super) fn shrink(&mut self) {
        if self.by_id.is_empty() && self.slots.capacity() > 1 {
            self.slots = Vec::new();
            self.free = Vec::new();
            self.by_id = Vec::new();
        }
    }

    pub(super) const fn generation(&self) -> u32 {
        self.generation
    }

    /// Sets the generation of the next key.
    pub(super) const fn set_generation(&mut self, generation: u32) {
        self.generation = generation;
    }

    fn find(&self, id: RequestId) -> Result<usize, usize> {
        self.by_id.binary_search_by_key(&id, |(id, _)| *id)
    }

    fn slot(&mut self, slot: u32) -> Option<&mut Option<Entry>> {
        self.slots.get_mut(usize::try_from(slot).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Role;

    fn new_state() -> RequestState {
        RequestState::begin(Role::RESPONDER)
    }

    #[test]
    fn a_key_is_not_reused_for_another_request() {
        let mut requests = Requests::new();
        let first = requests.insert(RequestId(1), new_state());
        assert!(requests.remove(first).is_some());
        let second = requests.insert(RequestId(1), new_state());
        assert_ne!(first, second);
        assert_eq!(requests.by_key(first).err(), Some(UserError::RequestClosed));
        assert!(requests.remove(first).is_none());
        assert!(requests.by_key(second).is_ok());
        requests.remove(second);
        requests.shrink();
        let third = requests.insert(RequestId(1), new_state());
        assert!(requests.by_key(first).is_err() && requests.by_key(second).is_err());
        assert_eq!(requests.by_id(RequestId(1)).unwrap().0, third);
    }

    #[test]
    fn each_id_finds_its_request() {
        let mut requests = Requests::new();
        let ids = || (1..=65_535_u16).rev().step_by(7).map(RequestId);
        for id in ids() {
            requests.insert(id, new_state());
        }
        for id in ids() {
            let (key, entry) = requests.by_id(id).unwrap();
            assert_eq!(entry.id, id);
            assert_eq!(requests.by_key(key).unwrap().id, id);
        }
        assert!(requests.by_id(RequestId(65_534)).is_none());
        assert_eq!(requests.iter().count(), ids().count());
    }
}
