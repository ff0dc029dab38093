#![no_main]

#[path = "../../tests/driver/responses.rs"]
#[expect(dead_code, reason = "the driver's tests need more of it")]
mod responses;
#[path = "../../tests/targets/exchange.rs"]
mod exchange;
#[path = "../../tests/driver/records.rs"]
#[expect(dead_code, reason = "the driver's tests need more of it")]
mod records;
#[path = "../../tests/targets/request.rs"]
mod request;

libfuzzer_sys::fuzz_target!(|data: &[u8]| request::run(data));
