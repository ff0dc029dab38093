//! The connection as a web server sees it: records in, records out, in memory and without a clock. One topic per
//! file.

#![expect(clippy::arithmetic_side_effects, reason = "an overflow in a test is a failure of that test")]

mod abort;
mod backpressure;
mod chunking;
mod codec;
mod conversation;
mod idle;
mod lifecycle;
mod limits;
mod management;
mod model;
mod multiplex;
mod recv_whole;
mod replace;
mod round_trip;
mod shutdown;
mod upgrade;
mod wire;
