#![no_main]

#[path = "../../tests/targets/server.rs"]
mod server;

libfuzzer_sys::fuzz_target!(|data: &[u8]| server::run(data));
