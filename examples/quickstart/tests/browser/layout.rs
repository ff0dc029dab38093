//! Tests the page's layout: with several screen sizes and colour schemes, and without JavaScript.

use serde_json::json;
use test_support::Result;
use test_support::chromium::Chromium;

use crate::open_page::OpenPage as _;
use crate::page::{ANSWERED, newest, no_console_errors, press};
use crate::site::Site;

const REPLAYED: &str = "newest.querySelectorAll('.outcome').length === 2";

/// Each button's result is visible, also after scrolling below a long exchange.
pub(crate) fn results(browser: &mut Chromium) -> Result {
    let site = Site::start()?;
    browser.scheme("light")?;
    for (width, height) in [(1366, 650), (1280, 800), (390, 844)] {
        browser.screen(width, height)?;
        browser.open(site.port)?;
        if width > 1000 {
            let below = format!(
                "[...document.querySelectorAll('button')].filter((button) =>
                button.getBoundingClientRect().bottom > {height}).map((button) => button.textContent)"
            );
            assert_eq!(browser.run(&below)?, json!([]), "{width}x{height}");
        }
        for (button, done) in [
            ("get", ANSWERED),
            ("post", ANSWERED),
            ("upload", ANSWERED),
            ("events", ANSWERED),
            ("abort", "newest.querySelector('.status')"),
            ("panic", ANSWERED),
            ("replay", REPLAYED),
        ] {
            // A user must scroll to the button to press it.
            let reach = format!(
                "document.querySelector('form[data-do={button}]').scrollIntoView({{block: 'nearest'}})"
            );
            browser.run(&format!("{reach}; 0"))?;
            press(browser, button, done)?;
            let seen = "(() => {
                const boxes = ['header', '.response'].map((name) => newest.querySelector(name).getBoundingClientRect());
                return boxes.every((box) => box.height > 0 && box.top >= 0 && box.bottom <= innerHeight);
            })()";
            assert_eq!(newest(browser, seen)?, true, "{button} at {width}x{height}");
        }
    }
    Ok(())
}

pub(crate) fn phone(browser: &mut Chromium) -> Result {
    let site = Site::start()?;
    browser.screen(360, 740)?;
    browser.open(site.port)?;
    browser.run("document.querySelector('#text').value = 'x'.repeat(500); 0")?;
    press(browser, "post", ANSWERED)?;
    browser.run("document.querySelectorAll('details').forEach((details) => { details.open = true; }); 0")?;
    press(browser, "upload", ANSWERED)?;
    press(browser, "replay", REPLAYED)?;
    assert_eq!(browser.run("innerWidth")?, 360);
    assert_eq!(browser.run("document.documentElement.scrollWidth")?, 360);
    // No element is cut off at the side, except for those with an ellipsis or their own scroll bar.
    let beyond =
        "[...document.querySelectorAll('main *:not(.gist, .unseen), header *')].filter((element) => {
        const box = element.getBoundingClientRect();
        return box.width > 0 && (box.right > 360.5 || box.left < -0.5);
    }).map((element) => element.outerHTML.slice(0, 200))";
    assert_eq!(browser.run(beyond)?, json!([]));
    // WCAG 2.5.8: target size.
    let small =
        "[...document.querySelectorAll('button')].filter((button) => button.offsetHeight < 44).length";
    assert_eq!(browser.run(small)?, 0);
    no_console_errors(browser)
}

/// WCAG 1.4.10: no text is cut off at 320 pixels, the width of a 1280-pixel screen at 400 %.
pub(crate) fn narrow(browser: &mut Chromium) -> Result {
    let site = Site::start()?;
    browser.screen(320, 640)?;
    browser.open(site.port)?;
    for (button, done) in [
        ("get", ANSWERED),
        ("post", ANSWERED),
        ("upload", ANSWERED),
        ("panic", ANSWERED),
        ("replay", REPLAYED),
    ] {
        press(browser, button, done)?;
    }
    browser.run("document.querySelectorAll('details').forEach((details) => { details.open = true; }); 0")?;
    assert_eq!(browser.run("document.documentElement.scrollWidth")?, 320);
    let cut = "[...document.querySelectorAll('body *:not(.unseen)')].filter((element) =>
        element.clientWidth > 0 && element.scrollWidth > element.clientWidth + 1)
        .map((element) => element.outerHTML.slice(0, 200))";
    assert_eq!(browser.run(cut)?, json!([]));
    Ok(())
}

/// WCAG 1.4.3: a contrast of at least 4.5 between text and background.
pub(crate) fn contrast(browser: &mut Chromium) -> Result {
    let site = Site::start()?;
    for scheme in ["light", "dark"] {
        browser.scheme(scheme)?;
        browser.open(site.port)?;
        press(browser, "panic", ANSWERED)?;
        press(browser, "abort", "newest.querySelector('[data-from=web-server][data-kind=close]')")?;
        press(browser, "replay", REPLAYED)?;
        assert_eq!(browser.low_contrast()?, [""; 0], "{scheme}");
        browser.hover("button")?;
        let hovered = "[...document.querySelectorAll('button')].every((button) => button.matches(':hover'))";
        assert_eq!(browser.run(hovered)?, true);
        assert_eq!(browser.low_contrast()?, [""; 0], "{scheme}, under the pointer");
    }
    Ok(())
}

/// With forced colours, no meaning that depends on colours and backgrounds is lost.
pub(crate) fn forced_colors(browser: &mut Chromium) -> Result {
    let site = Site::start()?;
    for scheme in ["light", "dark"] {
        browser.colors(scheme, true)?;
        browser.open(site.port)?;
        assert_eq!(browser.run("matchMedia('(forced-colors: active)').matches")?, true);
        let lost = "(() => {
            const ground = getComputedStyle(document.body).backgroundColor;
            const lost = (selector, is_seen) => [...document.querySelectorAll(selector)]
                .filter((element) => !is_seen(getComputedStyle(element))).map(() => selector);
            const bordered = (style) => parseFloat(style.borderTopWidth) >= 1 && style.borderTopColor !== ground;
            return [
                lost('a, summary .kind', (style) => style.textDecorationLine.includes('underline')),
                lost('button, input, .kind, .status', bordered),
                lost('.arrow', (style) => style.backgroundColor !== ground),
            ].flat();
        })()";
        assert_eq!(browser.run(lost)?, json!([]), "{scheme}");
    }
    no_console_errors(browser)
}

pub(crate) fn without_script(browser: &mut Chromium) -> Result {
    let site = Site::start()?;
    browser.open_without_script(site.port)?;
    let text = browser.run("document.body.innerText")?;
    let text = text.as_str().ok_or("no text")?;
    assert!(text.contains("JavaScript is off in this browser."), "{text}");
    assert!(!text.contains("Connecting"), "{text}");
    assert_eq!(
        browser.run("[...document.querySelectorAll('button')].filter((b) => b.offsetHeight > 0).length")?,
        0
    );
    // The link that the page offers works.
    let fetch = "fetch(document.querySelector('.without a').href).then((response) => response.text())";
    let response = browser.run(fetch)?;
    assert!(response.as_str().is_some_and(|text| text.starts_with("Hello, World, at ")), "{response}");
    Ok(())
}
