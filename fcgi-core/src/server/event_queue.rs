//! The events that the driver has not taken.

use alloc::collections::VecDeque;

use super::Event;

/// A queue that allocates nothing for two events, which are what a web server brings about that sends one
/// request at a time: the request, and its body.
#[derive(Debug)]
pub(super) struct EventQueue {
    /// Comes before all others.
    first: Option<Event>,
    /// Comes before all of `rest`; `None` where `first` is.
    second: Option<Event>,
    /// Empty where `second` is `None`.
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

    pub(super) fn pop(&mut self) -> Option<Event> {
        let event = self.first.take()?;
        if self.second.is_some() {
            self.first = self.second.take();
            self.second = self.rest.pop_front();
        }
        Some(event)
    }

    /// Events beyond the first two for which there is room without an allocation.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.rest.capacity()
    }

    /// Frees what an empty queue need not keep.
    pub(super) fn shrink(&mut self) {
        if self.rest.is_empty() {
            self.rest = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn events_come_out_in_the_order_in_which_they_went_in() {
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
