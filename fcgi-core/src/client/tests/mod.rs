//! The web server's side: its records on the wire, what it makes of an application's, and both sides against
//! each other.
#![expect(clippy::arithmetic_side_effects, reason = "an overflow in a test is a failed test")]

mod back_pressure;
mod both_sides;
mod chunking;
mod life;
mod rules;
mod wire;
