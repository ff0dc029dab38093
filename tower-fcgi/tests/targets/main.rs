//! The fuzz targets, run on their corpus and on some random input. A target is a function of bytes that panics when a rule
//! is broken; `tower-fcgi/fuzz` says how to run it under the fuzzer.

mod chaos;
mod driver;
mod exchange;
#[path = "../../../fcgi-core/tests/targets/inputs.rs"]
mod inputs;
#[path = "../../../fcgi-core/tests/targets/random.rs"]
mod random;
#[path = "../driver/records.rs"]
#[expect(dead_code, reason = "used in full by the driver's tests")]
mod records;
mod request;
mod response;
#[path = "../driver/responses.rs"]
#[expect(dead_code, reason = "used in full by the driver's tests")]
mod responses;

use self::inputs::run_on;

#[test]
fn any_meta_variables_give_a_true_request_or_error() {
    run_on(request::run, "request", 1000);
}

#[test]
fn any_response_gives_a_true_head_or_error() {
    run_on(response::run, "response", 1000);
}

#[test]
fn any_web_server_and_any_handler_come_to_an_end() {
    run_on(driver::run, "driver", 200);
}
