//! A small number for each thread, so that a thread can have counters of its own.

use std::cell::{Cell, RefCell};
use std::sync::{Mutex, PoisonError};

/// Numbers of threads that have ended, and the next number that no thread has had.
static NUMBERS: Mutex<(Vec<usize>, usize)> = Mutex::new((Vec::new(), 1));

thread_local! {
    /// The number of this thread; 0 before its first use. Separate from `OWNED`, because it is read for each request, and costs
    /// one instruction.
    static SLOT: Cell<usize> = const { Cell::new(0) };
    static OWNED: RefCell<Option<OwnedSlot>> = const { RefCell::new(None) };
}

/// Returns the number at the end of its thread, for another one.
#[derive(Debug)]
struct OwnedSlot(usize);

/// The number of the current thread, from 1. No two running threads have the same one.
#[inline]
pub(super) fn current() -> usize {
    match SLOT.get() {
        0 => acquire(),
        slot => slot,
    }
}

#[cold]
fn acquire() -> usize {
    let slot = {
        let mut numbers = NUMBERS.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.0.pop().unwrap_or_else(|| {
            numbers.1 += 1;
            numbers.1 - 1
        })
    };
    // Fails in a thread that is ending: then no other thread gets the number.
    let _ = OWNED.try_with(|owned| owned.replace(Some(OwnedSlot(slot))));
    SLOT.set(slot);
    slot
}

impl Drop for OwnedSlot {
    fn drop(&mut self) {
        // Code that runs later in the end of this thread gets another number.
        SLOT.set(0);
        NUMBERS.lock().unwrap_or_else(PoisonError::into_inner).0.push(self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn running_threads_have_different_numbers() {
        let (numbers, received) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let thread = thread::spawn(move || {
            numbers.send([current(), current()]).unwrap();
            ended.recv().unwrap_err();
        });
        let [first, again] = received.recv().unwrap();
        assert_eq!(first, again);
        assert_ne!(first, current());
        drop(end);
        thread.join().unwrap();
    }
}
