//! The page in a headless Chromium.

use std::path::Path;
use std::{env, fs};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libtest_mimic::Trial;
use test_support::chromium::{Chromium, find};
use test_support::{Result, needs};

use crate::site::Site;

pub(crate) fn trials() -> Vec<Trial> {
    vec![needs("chromium/the_page_is_legible_on_each_screen", find(), |program| legible(&program))]
}

fn legible(program: &Path) -> Result {
    let mut browser = Chromium::start(program)?;
    let mut site = Site::start(10)?;
    let _visit = site.visit()?;
    for scheme in ["light", "dark"] {
        browser.scheme(scheme)?;
        for (width, height) in [(1280, 800), (390, 844)] {
            browser.screen(width, height)?;
            for query in ["html", "html&full"] {
                let name = format!("{scheme}-{width}-{}", query.replace('&', "-"));
                browser.visit(&format!("http://127.0.0.1:{}/?{query}", site.port))?;
                assert_eq!(browser.run("document.documentElement.scrollWidth")?, width, "{name} scrolls");
                // The trouble is in colour, and the list is there.
                assert_eq!(browser.run("document.querySelectorAll('#troubles.bad tr').length > 0")?, true);
                let listed = browser.run("document.querySelectorAll('#list .request').length")?;
                assert_eq!(listed, i32::from(query.contains("full")), "{name}");
                assert_eq!(browser.low_contrast()?, [""; 0], "{name}");
                assert_eq!(browser.console_errors()?, [""; 0], "{name}");
                screenshot(&mut browser, &name)?;
            }
        }
    }
    Ok(())
}

fn screenshot(browser: &mut Chromium, name: &str) -> Result {
    let Some(directory) = env::var_os("SCREENSHOTS") else { return Ok(()) };
    let height = browser.run("document.documentElement.scrollHeight")?;
    let width = browser.run("innerWidth")?;
    let [width, height] =
        [width, height].map(|length| length.as_u64().and_then(|length| length.try_into().ok()));
    browser.screen(width.ok_or("no width")?, height.ok_or("no height")?)?;
    let directory = Path::new(&directory);
    fs::create_dir_all(directory)?;
    fs::write(directory.join(format!("{name}.png")), STANDARD.decode(browser.screenshot()?)?)?;
    Ok(())
}
