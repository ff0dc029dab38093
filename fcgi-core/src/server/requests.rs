//! The requests of one connection, by id and by key.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::RequestKey;
use super::request_state::RequestState;
use crate::error::UserError;
use crate::name_value::PairValidator;
use crate::record::RequestId;
use crate::recv_buffer::RecvBuffer;

/// All requests that have begun and are not over.
#[derive(Debug)]
pub(super) struct Requests {
    slots: Vec<Option<Entry>>,
    /// Empty places in `slots`.
    free: Vec<u32>,
    /// Where each id lies, ordered by id. One entry for each full slot.
    by_id: Vec<(RequestId, u32)>,
    /// The generation of the next key. Comes round after 4 294 967 296 requests of one connection; a key of
    /// then would have to be still in use to be mistaken.
    generation: u32,
}

/// No place in an output; half the size of an `Option` in each [`Entry`].
pub(super) const NOT_STARTED: u64 = u64::MAX;

/// One request.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: RequestId,
    pub(super) state: RequestState,
    /// PARAMS as far as they have come; empty once they are handed out.
    pub(super) params: Vec<u8>,
    /// Bytes of PARAMS that the request is charged, until it is answered.
    pub(super) params_bytes: usize,
    pub(super) validator: PairValidator,
    pub(super) stdin: RecvBuffer,
    /// A Filter's second stream, once it has content.
    pub(super) data: Option<Box<RecvBuffer>>,
    /// An [`Event::BodyReadable`](super::Event::BodyReadable) is on its way to the driver.
    pub(super) readable_queued: bool,
    /// An [`Event::Aborted`](super::Event::Aborted) was given.
    pub(super) abort_notified: bool,
    /// Where in the output the response begins; [`NOT_BEGUN`] before it has.
    pub(super) response_start: u64,
    generation: u32,
}

impl Entry {
    /// Bytes that this request's unread bodies are charged.
    pub(super) fn unreleased(&self) -> usize {
        let data = self.data.as_ref().map_or(0, |inbox| inbox.charge());
        self.stdin.charge().saturating_add(data)
    }

    /// Drops unread bodies and what is still to come of them; gives the charge that this frees.
    pub(super) fn discard(&mut self) -> usize {
        let data = self.data.as_mut().map_or(0, |inbox| inbox.discard());
        self.stdin.discard().saturating_add(data)
    }
}

impl Requests {
    pub(super) const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), by_id: Vec::new(), generation: 0 }
    }

    /// Puts a new request in; its id must not be in the table.
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
                // Most connections never have more than one request at a time.
                self.slots.reserve_exact(1);
            }
            self.slots.push(None);
            // At most one slot for each of 65 535 ids.
            u32::try_from(self.slots.len().saturating_sub(1)).unwrap_or(u32::MAX)
        });
        if let Some(place) = self.place(slot) {
            *place = Some(entry);
        }
        if let Err(at) = self.find(id) {
            self.by_id.insert(at, (id, slot));
        }
        RequestKey { slot, generation }
    }

    pub(super) fn by_id(&mut self, id: RequestId) -> Option<(RequestKey, &mut Entry)> {
        let (_, slot) = *self.by_id.get(self.find(id).ok()?)?;
        let entry = self.place(slot)?.as_mut()?;
        Some((RequestKey { slot, generation: entry.generation }, entry))
    }

    pub(super) fn by_key(&mut self, key: RequestKey) -> Result<&mut Entry, UserError> {
        let entry = self.place(key.slot).and_then(Option::as_mut).ok_or(UserError::RequestClosed)?;
        if entry.generation == key.generation { Ok(entry) } else { Err(UserError::RequestClosed) }
    }

    pub(super) fn get(&self, key: RequestKey) -> Option<&Entry> {
        let entry = self.slots.get(usize::try_from(key.slot).ok()?)?.as_ref()?;
        (entry.generation == key.generation).then_some(entry)
    }

    /// Takes a request out; gives what its bodies were charged.
    pub(super) fn remove(&mut self, key: RequestKey) -> Option<usize> {
        let entry = self.by_key(key).ok()?;
        let (id, charge) = (entry.id, entry.unreleased());
        if let Ok(at) = self.find(id) {
            self.by_id.remove(at);
        }
        *self.place(key.slot)? = None;
        self.free.push(key.slot);
        Some(charge)
    }

    pub(super) const fn len(&self) -> usize {
        self.by_id.len()
    }

    /// All requests, in no order that means something.
    pub(super) fn iter(&self) -> impl Iterator<Item = (RequestKey, &Entry)> {
        (0..).zip(&self.slots).filter_map(|(slot, entry)| {
            let entry = entry.as_ref()?;
            Some((RequestKey { slot, generation: entry.generation }, entry))
        })
    }

    /// Where in the output the responses begin, in no order that means something.
    pub(super) fn response_starts(&mut self) -> impl Iterator<Item = &mut u64> {
        let all = self.slots.iter_mut().flatten().map(|entry| &mut entry.response_start);
        all.filter(|at| **at != NOT_STARTED)
    }

    /// Gives the room of many requests back once they are gone.
    pub(super) fn shrink(&mut self) {
        if self.by_id.is_empty() && self.slots.capacity() > 1 {
            self.slots = Vec::new();
            self.free = Vec::new();
            self.by_id = Vec::new();
        }
    }

    fn find(&self, id: RequestId) -> Result<usize, usize> {
        self.by_id.binary_search_by_key(&id, |(id, _)| *id)
    }

    fn place(&mut self, slot: u32) -> Option<&mut Option<Entry>> {
        self.slots.get_mut(usize::try_from(slot).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Role;

    fn request() -> RequestState {
        RequestState::begin(Role::RESPONDER)
    }

    #[test]
    fn a_key_outlives_its_request_and_never_names_another() {
        let mut table = Requests::new();
        let first = table.insert(RequestId(1), request());
        assert!(table.remove(first).is_some());
        let second = table.insert(RequestId(1), request());
        assert_ne!(first, second);
        assert_eq!(table.by_key(first).err(), Some(UserError::RequestClosed));
        assert!(table.remove(first).is_none());
        assert!(table.by_key(second).is_ok());
        table.remove(second);
        table.shrink();
        let third = table.insert(RequestId(1), request());
        assert!(table.by_key(first).is_err() && table.by_key(second).is_err());
        assert_eq!(table.by_id(RequestId(1)).unwrap().0, third);
    }

    #[test]
    fn every_id_finds_its_own_request() {
        let mut table = Requests::new();
        let ids = || (1..=65_535_u16).rev().step_by(7).map(RequestId);
        for id in ids() {
            table.insert(id, request());
        }
        for id in ids() {
            let (key, entry) = table.by_id(id).unwrap();
            assert_eq!(entry.id, id);
            assert_eq!(table.by_key(key).unwrap().id, id);
        }
        assert!(table.by_id(RequestId(65_534)).is_none());
        assert_eq!(table.iter().count(), ids().count());
    }
}
