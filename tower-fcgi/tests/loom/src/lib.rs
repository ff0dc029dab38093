//! Every interleaving of a connection and the reader of a body. A lost wake-up is a deadlock, which loom finds.

#![cfg(test)]

mod body;
mod reading;

/// Takes the place of tower-fcgi's own module.
mod sync {
    pub(crate) use loom::sync::{Mutex, MutexGuard};
    pub(crate) use std::sync::PoisonError;
}
