//! The page in Chromium.

use std::path::Path;
use std::{env, fs};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use test_support::Result;
use test_support::chromium::Chromium;

use crate::site::Site;

const OPEN: &str = "document.querySelector('#status.open')";

/// What each browser sends is shown by both, and markup stays text.
pub(crate) fn two_pages(program: &Path, site: &Site) -> Result {
    let (mut one, mut two) = (open(program, site)?, open(program, site)?);
    let status = one.run("document.querySelector('#status').textContent")?;
    assert_eq!(status, "Connected. The server sees you at 127.0.0.1.");
    say(&mut one, "Ann", "Hello, Bob!")?;
    shows(&mut two, 1)?;
    say(&mut two, "Bob", "<img src=x onerror=alert(1)>")?;
    shows(&mut one, 2)?;
    let messages = "[...document.querySelectorAll('#messages li')].map((item) =>
        [item.className, item.firstChild.textContent, item.lastChild.textContent])";
    let markup = "<img src=x onerror=alert(1)>";
    assert_eq!(one.run(messages)?, json!([["mine", "You", "Hello, Bob!"], ["", "Bob", markup]]));
    assert_eq!(two.run(messages)?, json!([["", "Ann", "Hello, Bob!"], ["mine", "You", markup]]));
    for browser in [&mut one, &mut two] {
        assert_eq!(browser.console_errors()?, [""; 0]);
    }
    Ok(())
}

fn open(program: &Path, site: &Site) -> Result<Chromium> {
    let mut browser = Chromium::start(program)?;
    browser.load(site.server.port)?;
    browser.until(OPEN)?;
    Ok(browser)
}

fn say(browser: &mut Chromium, name: &str, text: &str) -> Result {
    let fill = format!(
        "document.querySelector('#name').value = {}; document.querySelector('#text').value = {};
        document.querySelector('#send').click()",
        json!(name),
        json!(text)
    );
    browser.run(&fill).map(drop)
}

fn shows(browser: &mut Chromium, messages: usize) -> Result {
    browser.until(&format!("document.querySelectorAll('#messages li').length === {messages}"))
}

/// In both schemes, on a large and a small screen.
pub(crate) fn looks(program: &Path, site: &Site) -> Result {
    let (mut browser, mut other) = (open(program, site)?, open(program, site)?);
    screenshots(&mut browser, "empty")?;
    say(&mut browser, "Ann", "Hello, Bob! This page came over FastCGI.")?;
    shows(&mut other, 1)?;
    say(&mut other, "Bob", "And this message, too?")?;
    shows(&mut browser, 2)?;
    say(&mut browser, "Ann", "Behind lighttpd, yes. Behind the others, over HTTP.")?;
    say(&mut browser, "Ann", &"long".repeat(60))?;
    shows(&mut browser, 4)?;
    for (scheme, (width, height)) in SCREENS {
        browser.scheme(scheme)?;
        browser.screen(width, height)?;
        assert_eq!(browser.low_contrast()?, [""; 0], "{scheme}");
        assert_eq!(browser.run("document.documentElement.scrollWidth")?, width, "{width}");
        // WCAG 2.5.8: target size. The page itself never scrolls: the form stays in view.
        let small = "[...document.querySelectorAll('button, input')].filter((element) =>
            element.offsetHeight < 44 || element.getBoundingClientRect().bottom > innerHeight).length";
        assert_eq!(browser.run(small)?, 0, "{width}");
        // Each control has a name, and the keyboard reaches it.
        let nameless = "[...document.querySelectorAll('button, input, ol')].filter((element) =>
            element.tabIndex < 0 || !(element.textContent.trim() || element.labels?.length)).length";
        assert_eq!(browser.run(nameless)?, 0);
    }
    screenshots(&mut browser, "chat")
}

const SCREENS: [(&str, (u32, u32)); 4] =
    [("light", (1280, 800)), ("dark", (1280, 800)), ("light", (390, 844)), ("dark", (390, 844))];

/// Takes screenshots if `SCREENSHOTS` is set.
fn screenshots(browser: &mut Chromium, name: &str) -> Result {
    let Some(directory) = env::var_os("SCREENSHOTS") else { return Ok(()) };
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(directory);
    fs::create_dir_all(&directory)?;
    for (scheme, (width, height)) in SCREENS {
        browser.scheme(scheme)?;
        browser.screen(width, height)?;
        let png = STANDARD.decode(browser.screenshot()?)?;
        fs::write(directory.join(format!("websocket-{name}-{scheme}-{width}.png")), png)?;
    }
    Ok(())
}
