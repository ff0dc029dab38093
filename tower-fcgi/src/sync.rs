//! The locks that the tasks of a connection share. A module of its own, because `tests/loom` replaces it by a model.

pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError};
