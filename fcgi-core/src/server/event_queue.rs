//! The events that the driver has not polled yet.

use alloc::collections::VecDeque;

use super::event::Event;

/// A queue of events. The first two need no allocation: a web server that sends one request at a time causes two,
/// for the request and for its body.
#[derive(Debug)]
pub(super) struct EventQueue {
    /// Precedes all others.
    first: Option<Event>,
    /// Precedes `rest`; `None` if `first` is `None`.
    second: Option<Event>,
    /// Empty if `second` is `None`.
    rest: VecDeque<Event>,
}

impl EventQueue {
    pub(super) const fn new() -> Self {
        Self { first: None, second: None, rest: VecDeque::new() }
    }

    pub(super) fn push(&mut self, event: Event) {
        if self.first.is_none() {
            self.first = Some(event);
        } else if self.second.is_none() {
            self.second = Some(event);
        } else {
            self.rest.push_back(event);
        }
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<Event> {
        let event = self.first.take()?;
        // `first` is `None` now: a swap moves the second event without a drop.
        core::mem::swap(&mut self.first, &mut self.second);
        if !self.rest.is_empty() {
            self.second = self.rest.pop_front();
        }
        Some(event)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Allocated room for events beyond the first two.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.rest.capacity()
    }

    /// Frees the memory of an empty queue.
    pub(super) fn shrink(&mut self) {
        if self.rest.is_empty() && self.rest.capacity() > 0 {
            self.rest = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn events_are_polled_in_the_order_of_the_queue() {
        let key = |generation| crate::RequestKey { generation, slot: 0 };
        for at_once in 1..8 {
            let mut queue = EventQueue::new();
            let mut out = Vec::new();
            for number in 0..40 {
                queue.push(Event::BodyReadable(key(2 * number)));
                queue.push(Event::BodyReadable(key(2 * number + 1)));
                out.extend((0..at_once).map_while(|_| queue.pop()));
            }
            out.extend(core::iter::from_fn(|| queue.pop()));
            assert_eq!(out, (0..80).map(|number| Event::BodyReadable(key(number))).collect::<Vec<_>>());
            queue.shrink();
            assert_eq!(queue.capacity(), 0);
        }
    }
}
