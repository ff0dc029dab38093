//! The requests of one connection, by id and by key.

use alloc::vec::Vec;

use super::request::Request;
use crate::error::Misuse;
use crate::inbox::Inbox;
use crate::key::Key;
use crate::record::{RequestId, Role};

/// All requests that are live, or whose answers are unread; oldest first.
///
/// A list that is walked: there is one request mostly, and never more than the caller begins at once.
#[derive(Debug)]
pub(super) struct Table {
    entries: Vec<Entry>,
    /// The generation of the next key. Comes round after 4 294 967 296 requests of one connection.
    generation: u32,
}

/// One request.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) id: RequestId,
    pub(super) state: Request,
    pub(super) stdout: Answer,
    pub(super) stderr: Answer,
}

/// A stream of the answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) inbox: Inbox,
    /// An event that says so is on its way to the driver.
    pub(super) announced: bool,
}

impl Entry {
    /// Bytes that the unread answer is charged.
    pub(super) fn charge(&self) -> usize {
        self.stdout.inbox.charge().saturating_add(self.stderr.inbox.charge())
    }

    /// Drops the unread answer and what is still to come of it; gives the charge that this frees.
    pub(super) fn discard(&mut self) -> usize {
        self.stdout.inbox.discard().saturating_add(self.stderr.inbox.discard())
    }

    /// Nothing more comes, and nothing is left to be read.
    pub(super) fn is_over(&self) -> bool {
        !self.state.is_live() && self.charge() == 0
    }
}

impl Table {
    pub(super) const fn new() -> Self {
        Self { entries: Vec::new(), generation: 0 }
    }

    /// Puts a new request in, with the lowest id that no live one has; `None` if all are taken.
    ///
    /// The lowest, since there are applications that know no id but 1, which is all that nginx sends.
    pub(super) fn insert(&mut self, role: Role) -> Option<(Key, RequestId)> {
        let id = (1..=u16::MAX).map(RequestId).find(|id| self.by_id(*id).is_none())?;
        let key = Key { slot: id.0.into(), generation: self.generation };
        self.generation = self.generation.wrapping_add(1);
        let state = Request::begin(role);
        if self.entries.is_empty() {
            // Mostly there is no second one.
            self.entries.reserve_exact(1);
        }
        self.entries.push(Entry { key, id, state, stdout: Answer::default(), stderr: Answer::default() });
        Some((key, id))
    }

    /// The live request of that id.
    pub(super) fn by_id(&mut self, id: RequestId) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.id == id && entry.state.is_live())
    }

    pub(super) fn by_key(&mut self, key: Key) -> Result<&mut Entry, Misuse> {
        self.entries.iter_mut().find(|entry| entry.key == key).ok_or(Misuse::Gone)
    }

    /// Takes the request out if it is over.
    pub(super) fn settle(&mut self, key: Key) {
        self.entries.retain(|entry| entry.key != key || !entry.is_over());
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    #[cfg(test)]
    pub(super) const fn capacity(&self) -> usize {
        self.entries.capacity()
    }

    /// Keeps the place of one request, which a connection that is used again needs again.
    pub(super) fn shrink(&mut self) {
        if self.entries.is_empty() && self.entries.capacity() > 1 {
            self.entries = Vec::new();
        }
    }
}
