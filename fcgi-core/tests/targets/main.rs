//! What the fuzzer runs, run on its corpus and on some random input. A target is a function from bytes to
//! nothing that panics where a rule is broken; `fcgi-core/fuzz` says how to have the fuzzer run it.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "whatever panics in a test is a failure of that test"
)]

#[path = "../explore/both.rs"]
mod both;
mod client;
mod deframe;
mod inputs;
#[path = "../explore/model.rs"]
#[expect(dead_code, reason = "the exploration needs more of it")]
mod model;
mod operations;
mod pairs;
#[expect(dead_code, reason = "the targets of tower-fcgi need more of it")]
mod random;
mod raw;
#[path = "../explore/request.rs"]
mod request;
mod sides;
#[path = "../explore/steps.rs"]
mod steps;

use self::inputs::run_on;

#[test]
fn records_decode_the_same_in_any_chunking() {
    run_on(deframe::run, "deframe", 2000);
}

#[test]
fn pairs_round_trip_in_any_chunking() {
    run_on(pairs::run, "pairs", 2000);
}

#[test]
fn any_input_gives_the_same_events_in_any_chunking() {
    run_on(raw::run, "raw", 2000);
}

#[test]
fn any_operations_do_what_the_model_says() {
    run_on(operations::run, "operations", 500);
}

#[test]
fn any_answers_have_the_same_events_however_they_come() {
    run_on(client::run, "client", 2000);
}

#[test]
fn both_sides_understand_each_other_whatever_they_do() {
    run_on(sides::run, "sides", 1000);
}
