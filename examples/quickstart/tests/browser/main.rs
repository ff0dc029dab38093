//! Tests the page in a headless Chromium. Without Chromium the tests are ignored; with `CI=true` they fail.
//!
//! `SCREENSHOTS=target/screenshots cargo test -p quickstart --test browser` also takes screenshots, into that directory of
//! the workspace. README.md shows `docs/page.png`, which is its `light.png`.

mod layout;
mod open_page;
mod page;
mod site;
mod wire;

use std::process::ExitCode;

use libtest_mimic::Trial;
use test_support::chromium::{Chromium, find};
use test_support::{Result, needs};

fn main() -> ExitCode {
    test_support::run(vec![
        trial("the_page_logs_no_errors", page::loads),
        trial("each_button_works", page::buttons),
        trial("the_page_shows_the_records_on_the_wire", page::records),
        trial("the_seed_is_replayed_on_the_page", page::replay),
        trial("an_empty_name_greets_the_world", page::empty_name),
        trial("the_http_request_is_beside_its_records", page::http_request),
        trial("the_keyboard_reaches_everything", page::keyboard),
        trial("results_are_visible_without_scrolling", layout::results),
        trial("nothing_overflows_on_a_phone", layout::phone),
        trial("no_text_is_cut_off_at_320_pixels", layout::narrow),
        trial("text_is_legible_in_both_schemes", layout::contrast),
        trial("forced_colors_hide_nothing", layout::forced_colors),
        trial("without_javascript_it_shows_alternatives", layout::without_script),
        trial("markup_in_a_record_stays_text", page::markup),
    ])
}

fn trial(name: &str, test: fn(&mut Chromium) -> Result) -> Trial {
    needs(format!("chromium/{name}"), find(), move |program| {
        let mut browser = Chromium::start(&program)?;
        test(&mut browser)
    })
}
