//! The locks under which tasks of a connection meet: in a module of their own, since `tests/loom` has a model of them
//! in its place.

pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError};
