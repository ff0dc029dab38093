#![no_main]

#[path = "../../tests/targets/deframe.rs"]
mod deframe;

libfuzzer_sys::fuzz_target!(|data: &[u8]| deframe::run(data));
