#![no_main]

#[path = "../../tests/driver/responses.rs"]
#[expect(dead_code, reason = "the driver's tests need more of it")]
mod responses;
#[path = "../../tests/targets/chaos.rs"]
mod chaos;
#[path = "../../tests/targets/driver.rs"]
mod driver;
#[path = "../../../fcgi-core/tests/targets/random.rs"]
mod random;
#[path = "../../tests/driver/records.rs"]
#[expect(dead_code, reason = "the driver's tests need more of it")]
mod records;

libfuzzer_sys::fuzz_target!(|data: &[u8]| driver::run(data));
