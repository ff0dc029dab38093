//! Every interleaving of a connection and the reader of a body, in which a wake-up that is lost is a deadlock that loom
//! finds.

#![cfg(test)]

mod body;
mod reading;

/// In the place of tower-fcgi's own.
mod sync {
    pub(crate) use loom::sync::{Mutex, MutexGuard};
    pub(crate) use std::sync::PoisonError;
}
