//! Tries every interleaving of a connection and the reader of a body. A lost wakeup is a deadlock, which loom
//! reports.

#![cfg(test)]

mod body;
mod reading;

/// Replaces tower-fcgi's own module.
mod sync {
    pub(crate) use loom::sync::{Mutex, MutexGuard};
    pub(crate) use std::sync::PoisonError;
}
