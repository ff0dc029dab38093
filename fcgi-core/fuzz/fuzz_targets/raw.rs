#![no_main]

#[path = "../../tests/targets/raw.rs"]
mod raw;

libfuzzer_sys::fuzz_target!(|data: &[u8]| raw::run(data));
