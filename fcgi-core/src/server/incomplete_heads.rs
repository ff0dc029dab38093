//! The requests whose PARAMS have not ended.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use crate::key::RequestKey;

/// The keys of the active requests whose PARAMS have not ended, oldest first.
///
/// [`poll_new`](Self::poll_new) returns each one once, so that a driver with a timeout for PARAMS need not search for
/// the new ones.
#[derive(Debug)]
pub(super) enum IncompleteHeads {
    None,
    /// The most that most connections ever have.
    One(RequestKey, Reported),
    Many(Box<Many>),
}

/// Whether [`poll_new`](IncompleteHeads::poll_new) has returned a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reported {
    No,
    Yes,
}

#[derive(Debug)]
pub(super) struct Many {
    keys: VecDeque<RequestKey>,
    /// The number of keys at the end that were not reported.
    new: usize,
}

impl IncompleteHeads {
    /// Adds a request that has begun.
    pub(super) fn push(&mut self, key: RequestKey) {
        match self {
            Self::None => *self = Self::One(key, Reported::No),
            Self::One(first, reported) => {
                let new = if *reported == Reported::No { 2 } else { 1 };
                *self = Self::Many(Box::new(Many { keys: VecDeque::from([*first, key]), new }));
            }
            Self::Many(many) => {
                many.keys.push_back(key);
                many.new = many.new.saturating_add(1);
            }
        }
    }

    /// Removes a request whose PARAMS have ended, or that was aborted or rejected.
    pub(super) fn remove(&mut self, key: RequestKey) {
        match self {
            Self::One(one, _) if *one == key => *self = Self::None,
            Self::None | Self::One(..) => {}
            Self::Many(many) => many.remove(key),
        }
    }

    /// The oldest request that was not reported.
    pub(super) fn poll_new(&mut self) -> Option<RequestKey> {
        match self {
            Self::One(key, reported @ Reported::No) => {
                *reported = Reported::Yes;
                Some(*key)
            }
            Self::None | Self::One(..) => None,
            Self::Many(many) => many.poll_new(),
        }
    }

    pub(super) fn contains(&self, key: RequestKey) -> bool {
        match self {
            Self::None => false,
            Self::One(one, _) => *one == key,
            Self::Many(many) => many.position(key).is_some(),
        }
    }

    /// All keys, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = RequestKey> {
        let (one, many) = match self {
            Self::None => (None, None),
            Self::One(key, _) => (Some(*key), None),
            Self::Many(many) => (None, Some(many)),
        };
        one.into_iter().chain(many.into_iter().flat_map(|many| many.keys.iter().copied()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    pub(super) fn shrink(&mut self) {
        if self.is_empty() {
            *self = Self::None;
        }
    }
}

impl Many {
    fn remove(&mut self, key: RequestKey) {
        let Some(index) = self.position(key) else { return };
        if index >= self.keys.len().saturating_sub(self.new) {
            self.new = self.new.saturating_sub(1);
        }
        self.keys.remove(index);
    }

    fn poll_new(&mut self) -> Option<RequestKey> {
        let key = *self.keys.get(self.keys.len().checked_sub(self.new)?)?;
        self.new = self.new.saturating_sub(1);
        Some(key)
    }

    fn position(&self, key: RequestKey) -> Option<usize> {
        if self.keys.back() < self.keys.front() {
            // The generation has wrapped around: the keys are not sorted.
            return self.keys.iter().position(|other| *other == key);
        }
        self.keys.binary_search(&key).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn key(generation: u32) -> RequestKey {
        RequestKey { generation, slot: 0 }
    }

    #[test]
    fn each_new_head_is_reported_once() {
        let mut heads = IncompleteHeads::None;
        assert_eq!(heads.poll_new(), None);
        for generation in 0..4 {
            heads.push(key(generation));
        }
        heads.remove(key(1));
        assert_eq!((heads.poll_new(), heads.poll_new()), (Some(key(0)), Some(key(2))));
        heads.push(key(4));
        for generation in [0, 3, 3] {
            heads.remove(key(generation));
        }
        assert_eq!((heads.poll_new(), heads.poll_new()), (Some(key(4)), None));
        assert_eq!(heads.iter().collect::<Vec<_>>(), [key(2), key(4)]);
        assert!(heads.contains(key(2)) && !heads.contains(key(3)));
        heads.remove(key(2));
        heads.remove(key(4));
        assert!(heads.is_empty() && heads.poll_new().is_none());
    }

    #[test]
    fn heads_are_found_after_a_wraparound() {
        let mut heads = IncompleteHeads::None;
        let generations = [u32::MAX - 1, u32::MAX, 0, 1];
        for generation in generations {
            heads.push(key(generation));
        }
        assert!(generations.iter().all(|generation| heads.contains(key(*generation))));
        assert!(!heads.contains(key(2)));
    }
}
