#![no_main]

#[path = "../../tests/targets/both_sides.rs"]
mod both_sides;

libfuzzer_sys::fuzz_target!(|data: &[u8]| both_sides::run(data));
