//! Runs the fuzz targets on their corpus and on random input. A target is a function that takes bytes and panics if it
//! finds a bug. `fcgi-core/fuzz` describes how to run the fuzzer.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic in a test is a failure of that test"
)]

mod both_sides;
#[path = "../explore/checker.rs"]
mod checker;
mod client;
mod decode;
#[path = "../explore/effect.rs"]
mod effect;
mod inputs;
#[path = "../explore/model.rs"]
#[expect(dead_code, reason = "the exploration uses more of it")]
mod model;
mod name_value;
mod operations;
#[expect(dead_code, reason = "the targets of tower-fcgi use more of it")]
mod random;
#[path = "../explore/request.rs"]
mod request;
mod server;
#[path = "../explore/steps.rs"]
mod steps;

use self::inputs::run_on;

#[test]
fn records_decode_the_same_in_any_chunking() {
    run_on(decode::run, "decode", 2000);
}

#[test]
fn pairs_round_trip_in_any_chunking() {
    run_on(name_value::run, "name_value", 2000);
}

#[test]
fn any_input_gives_the_same_events_in_any_chunking() {
    run_on(server::run, "server", 2000);
}

#[test]
fn any_operations_do_what_the_model_says() {
    run_on(operations::run, "operations", 500);
}

#[test]
fn any_responses_give_the_same_events_in_any_chunks() {
    run_on(client::run, "client", 2000);
}

#[test]
fn both_sides_agree_after_any_operations() {
    run_on(both_sides::run, "both_sides", 1000);
}
