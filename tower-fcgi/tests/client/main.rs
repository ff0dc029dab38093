//! Tests of the client, in memory and with paused time: with this crate's server, and with applications
//! that are scripted record by record.
//!
//! `both` and `scripted` are the two kinds of applications. The other modules are the tests, by subject.

mod both;
mod scripted;

mod answers;
mod faults;
mod giving_up;
mod multiplex;
mod panics;
mod pool;
mod questions;
mod requests;
mod shared_pool;
mod spans;
