#![no_main]

#[path = "../../tests/explore/checker.rs"]
mod checker;
#[path = "../../tests/explore/effect.rs"]
mod effect;
#[path = "../../tests/explore/model.rs"]
#[expect(dead_code, reason = "the exploration uses more of it")]
mod model;
#[path = "../../tests/targets/operations.rs"]
mod operations;
#[path = "../../tests/explore/request.rs"]
mod request;
#[path = "../../tests/explore/steps.rs"]
mod steps;

libfuzzer_sys::fuzz_target!(|data: &[u8]| operations::run(data));
