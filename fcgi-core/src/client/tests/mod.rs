//! The web server's side: the records it sends and receives, and both sides connected to each other.
#![expect(clippy::arithmetic_side_effects, reason = "an overflow in a test is a failed test")]

mod backpressure;
mod both_sides;
mod chunking;
mod lifecycle;
mod protocol_errors;
mod wire;
