//! The connection as a web server meets it: records in, records out, in memory and without a clock.
//!
//! A test's name is the rule that it holds; each file is one concept.

#![expect(clippy::arithmetic_side_effects, reason = "an overflow in a test is a failure of that test")]

mod abort;
mod backpressure;
mod chunking;
mod close;
mod codec;
mod conversation;
mod life;
mod limits;
mod management;
mod model;
mod multiplex;
mod replace;
mod round_trip;
mod wire;
