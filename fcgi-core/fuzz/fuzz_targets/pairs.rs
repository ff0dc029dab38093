#![no_main]

#[path = "../../tests/targets/pairs.rs"]
mod pairs;

libfuzzer_sys::fuzz_target!(|data: &[u8]| pairs::run(data));
