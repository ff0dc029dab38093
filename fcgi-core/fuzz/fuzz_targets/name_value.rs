#![no_main]

#[path = "../../tests/targets/name_value.rs"]
mod name_value;

libfuzzer_sys::fuzz_target!(|data: &[u8]| name_value::run(data));
