#![no_main]

#[path = "../../tests/targets/sides.rs"]
mod sides;

libfuzzer_sys::fuzz_target!(|data: &[u8]| sides::run(data));
