//! What the page does.

use std::env;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use web_servers::Result;

use crate::chromium::Chromium;
use crate::site::Site;
use crate::wire::{Record, Request, requests};

/// The newest exchange.
const NEWEST: &str = "document.querySelector('#exchanges').firstElementChild";

/// Presses a button, and waits until the newest exchange has what `condition` looks for.
fn press(browser: &mut Chromium, button: &str, condition: &str) -> Result {
    let before = browser.run(&format!("window.before = {NEWEST}; 0")).map(drop);
    browser.press(button)?;
    browser.until(&format!(
        "{NEWEST} !== window.before && (({{newest}}) => {condition})({{newest: {NEWEST}}})"
    ))?;
    before
}

const STATUS: &str = "newest.querySelector('.status')";

/// An answer, and the end of it on the wire.
const ANSWERED: &str = "newest.querySelector('.status') && newest.querySelector('[data-kind=END_REQUEST]')";

fn newest(browser: &mut Chromium, expression: &str) -> Result<Value> {
    browser.run(&format!("(({{newest}}) => {expression})({{newest: {NEWEST}}})"))
}

/// The types of the newest exchange's steps, from one side.
fn kinds(browser: &mut Chromium, from: &str) -> Result<Vec<String>> {
    let steps = format!("newest.querySelectorAll('.step[data-from={from}]')");
    let kinds = newest(browser, &format!("[...{steps}].map((step) => step.dataset.kind)"))?;
    Ok(serde_json::from_value(kinds)?)
}

fn quiet(browser: &mut Chromium) -> Result {
    match &browser.complaints()?[..] {
        [] => Ok(()),
        complaints => Err(format!("on the console: {complaints:#?}").into()),
    }
}

pub(crate) fn loads(browser: &mut Chromium) -> Result {
    let site = Site::start()?;
    browser.open(site.port)?;
    quiet(browser)?;
    assert_eq!(browser.run("document.querySelectorAll('.story li').length")?, 5);
    let elsewhere =
        "performance.getEntriesByType('resource').filter(({name}) => !name.startsWith(location.origin))";
    assert_eq!(browser.run(&format!("{elsewhere}.length"))?, 0);
    // The icon as well.
    assert_eq!(browser.run("fetch('icon.svg').then((icon) => icon.status)")?, 200);
    quiet(browser)?;
    for (scheme, width, height, name) in
        [("light", 1100, 1280, "light"), ("dark", 1100, 1280, "dark"), ("light", 390, 1600, "phone")]
    {
        pictures(browser, scheme, (width, height), name)?;
    }
    Ok(())
}

/// Only where they are asked for: they are for people to look at.
fn pictures(browser: &mut Chromium, scheme: &str, (width, height): (u32, u32), name: &str) -> Result {
    let Some(place) = env::var_os("SCREENSHOTS") else { return Ok(()) };
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(place);
    fs::create_dir_all(&place)?;
    browser.scheme(scheme)?;
    browser.screen(width, height)?;
    for button in ["get", "post"] {
        press(browser, button, ANSWERED)?;
    }
    let picture = |browser: &mut Chromium, what: &str| -> Result {
        let picture = STANDARD.decode(browser.picture()?)?;
        Ok(fs::write(place.join(format!("{name}{what}.png")), picture)?)
    };
    picture(browser, "")?;
    press(browser, "panic", ANSWERED)?;
    newest(browser, "newest.querySelectorAll('details').forEach((details) => { details.open = true; })")?;
    browser.run("document.querySelector('#wire').scrollIntoView()")?;
    picture(browser, "-contents")?;
    press(browser, "abort", "newest.querySelector('[data-from=web-server][data-kind=close]')")?;
    press(browser, "replay", "newest.querySelector('.outcome.good')")?;
    browser.run("document.querySelector('#wire').scrollIntoView()")?;
    picture(browser, "-replay")?;
    browser.run("scrollTo(0, 0)")?;
    Ok(())
}

pub(crate) fn buttons(browser: &mut Chromium) -> Result {
    let site = Site::start()?;
    browser.open(site.port)?;

    press(browser, "get", ANSWERED)?;
    let answer = newest(browser, "newest.querySelector('.answer pre').textContent")?;
    assert!(answer.as_str().is_some_and(|text| text.starts_with("Hello, World, at 127.0.0.1")), "{answer}");

    browser.run("document.querySelector('#text').value = 'J\u{fc}rgen'; 0")?;
    press(browser, "post", ANSWERED)?;
    assert_eq!(newest(browser, "newest.querySelector('.answer pre').textContent")?, "J\u{fc}rgen");
    assert_eq!(newest(browser, "newest.querySelector('.status').textContent")?, "200");

    press(browser, "upload", ANSWERED)?;
    let answer = newest(browser, "newest.querySelector('.answer pre').textContent")?;
    assert!(answer.as_str().is_some_and(|text| text.contains("\"bytes\":200000")), "{answer}");

    // The first event is drawn before the answer has ended.
    press(browser, "events", "newest.querySelector('[data-kind=STDOUT] .gist')")?;
    assert_eq!(newest(browser, &format!("{STATUS} === null"))?, true);
    browser.until(&format!("(({{newest}}) => {ANSWERED})({{newest: {NEWEST}}})"))?;
    let events = newest(browser, "newest.querySelector('.answer pre').textContent")?;
    assert!(events.as_str().is_some_and(|text| text.matches("data: event").count() == 5), "{events}");

    press(browser, "abort", "newest.querySelector('[data-from=web-server][data-kind=close]')")?;
    assert_eq!(newest(browser, "newest.querySelector('.status').textContent")?, "given up");
    let web_server = kinds(browser, "web-server")?;
    assert_eq!(web_server[3..], ["STDIN", "ABORT_REQUEST", "close"], "{web_server:?}");
    // An end, and no answer before it.
    assert_eq!(kinds(browser, "application")?, ["STDOUT", "END_REQUEST"]);
    assert_eq!(
        newest(browser, "newest.querySelector('[data-kind=STDOUT] .gist').textContent")?,
        "the stream ends"
    );
    quiet(browser)?;

    press(browser, "panic", ANSWERED)?;
    assert_eq!(newest(browser, "newest.querySelector('.status').textContent")?, "500");
    let reason = newest(browser, "newest.querySelector('[data-kind=STDERR] pre').textContent")?;
    assert!(reason.as_str().is_some_and(|text| text.contains("this handler fails on purpose")), "{reason}");
    // That is what the browser thinks of a 500.
    let complaints = browser.complaints()?;
    assert!(complaints.iter().all(|complaint| complaint.contains("/panic")), "{complaints:#?}");
    Ok(())
}

pub(crate) fn records(browser: &mut Chromium) -> Result {
    let site = Site::start()?;
    browser.open(site.port)?;
    for button in ["get", "post", "upload", "events", "panic"] {
        press(browser, button, ANSWERED)?;
        // Steps are drawn in the order of the wire, so a direction is complete with its end; the other one may not be.
        let number = browser.run("String(exchangeNumber)")?;
        let number = number.as_str().ok_or("an exchange has a number")?;
        let Request { web_server, application } = noted(&site, number);
        assert!(!web_server.is_empty(), "{button}: nothing has passed the relay");
        assert_eq!(shown(browser, "web-server")?, told(&web_server), "{button}");
        assert_eq!(shown(browser, "application")?, told(&application), "{button}");
        let pairs = newest(browser, "[...newest.querySelectorAll('dt')].map((name) => name.textContent)")?;
        let pairs: Vec<String> = serde_json::from_value(pairs)?;
        assert_eq!(pairs, names(&web_server), "{button}");
    }
    Ok(())
}

/// What the page shows of a direction: types, and ids and lengths as it puts them.
fn shown(browser: &mut Chromium, from: &str) -> Result<Vec<(String, String)>> {
    let steps = format!("[...newest.querySelectorAll('.step[data-from={from}]')]");
    let both = "[step.dataset.kind, step.querySelector('.facts')?.textContent]";
    Ok(serde_json::from_value(newest(browser, &format!("{steps}.map((step) => {both})"))?)?)
}

fn told(records: &[Record]) -> Vec<(String, String)> {
    let thousands = |bytes: usize| match bytes {
        ..1000 => bytes.to_string(),
        _ => format!("{},{:03}", bytes / 1000, bytes % 1000),
    };
    let fact = |(kind, id, content): &Record| {
        let bytes = if content.len() == 1 { "byte" } else { "bytes" };
        ((*kind).to_owned(), format!("id {id} \u{b7} {} {bytes}", thousands(content.len())))
    };
    records.iter().map(fact).collect()
}

/// The request that said it is this exchange.
fn noted(site: &Site, exchange: &str) -> Request {
    let connections = site.connections.lock().expect("nobody panics with it");
    let all = connections.iter().flat_map(|bytes| requests(&bytes.lock().expect("nobody panics with it")));
    let is_it = |request: &Request| {
        let params = params(&request.web_server);
        params.iter().any(|(name, value)| name == "HTTP_X_EXCHANGE" && value == exchange)
    };
    all.into_iter().find(is_it).unwrap_or_default()
}

fn names(records: &[Record]) -> Vec<String> {
    params(records).into_iter().map(|(name, _)| name).collect()
}

/// The pairs of PARAMS (FastCGI §3.4).
fn params(records: &[Record]) -> Vec<(String, String)> {
    let encoded: Vec<u8> =
        records.iter().filter(|record| record.0 == "PARAMS").flat_map(|record| record.2.clone()).collect();
    let mut rest = &encoded[..];
    let mut pairs = Vec::new();
    while !rest.is_empty() {
        let (name, value) = (length(&mut rest), length(&mut rest));
        let (name, after) = rest.split_at(name);
        let (value, after) = after.split_at(value);
        rest = after;
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        pairs.push((text(name), text(value)));
    }
    pairs
}

fn length(rest: &mut &[u8]) -> usize {
    match **rest {
        [short @ 0..128, ref after @ ..] => {
            *rest = after;
            short.into()
        }
        [a, b, c, d, ref after @ ..] => {
            *rest = after;
            u32::from_be_bytes([a & 0x7f, b, c, d]) as usize
        }
        _ => panic!("PARAMS end inside a length"),
    }
}

pub(crate) fn replay(browser: &mut Chromium) -> Result {
    let site = Site::start()?;
    browser.open(site.port)?;
    press(browser, "replay", "newest.querySelectorAll('.outcome').length === 2")?;
    let outcomes = newest(browser, "[...newest.querySelectorAll('.outcome')].map((p) => p.textContent)")?;
    assert!(outcomes[0].as_str().is_some_and(|text| text.starts_with("No close.")), "{outcomes}");
    assert!(outcomes[1].as_str().is_some_and(|text| text.starts_with("Closed after ")), "{outcomes}");
    let close = "[...newest.querySelectorAll('.diagram')].map((diagram) =>
        diagram.querySelectorAll('[data-from=application][data-kind=close]').length)";
    assert_eq!(newest(browser, close)?, json!([0, 1]));
    quiet(browser)
}

pub(crate) fn phone(browser: &mut Chromium) -> Result {
    let site = Site::start()?;
    browser.screen(360, 740)?;
    browser.open(site.port)?;
    browser.run("document.querySelector('#text').value = 'x'.repeat(500); 0")?;
    press(browser, "post", ANSWERED)?;
    browser.run("document.querySelectorAll('details').forEach((details) => { details.open = true; }); 0")?;
    press(browser, "upload", ANSWERED)?;
    press(browser, "replay", "newest.querySelectorAll('.outcome').length === 2")?;
    assert_eq!(browser.run("innerWidth")?, 360);
    assert_eq!(browser.run("document.documentElement.scrollWidth")?, 360);
    // Nor is anything cut off at the side, but for what ends in an ellipsis or scrolls by itself.
    let beyond =
        "[...document.querySelectorAll('main *:not(.gist, .unseen), header *')].filter((element) => {
        const box = element.getBoundingClientRect();
        return box.width > 0 && (box.right > 360.5 || box.left < -0.5);
    }).map((element) => element.outerHTML.slice(0, 200))";
    assert_eq!(browser.run(beyond)?, json!([]));
    // WCAG 2.5.8: what fingers press.
    let small =
        "[...document.querySelectorAll('button')].filter((button) => button.offsetHeight < 44).length";
    assert_eq!(browser.run(small)?, 0);
    quiet(browser)
}

pub(crate) fn keyboard(browser: &mut Chromium) -> Result {
    let site = Site::start()?;
    browser.open(site.port)?;
    // All that can be operated can be reached, and has a name.
    let nameless = "[...document.querySelectorAll('button, input, summary')].filter((element) =>
        element.tabIndex < 0 || !(element.textContent.trim() || element.labels?.length)).length";
    assert_eq!(browser.run(nameless)?, 0);
    // A row says its direction in words, and its arrow nothing.
    let words = "[...document.querySelectorAll('.unseen')].map((words) => words.textContent)";
    let words: Vec<String> = serde_json::from_value(browser.run(words)?)?;
    assert_eq!(words.first().map(String::as_str), Some("web server to application: "));
    assert_eq!(words.last().map(String::as_str), Some("application to web server: "));
    assert_eq!(browser.run("document.querySelectorAll('.arrow:not([aria-hidden=true])').length")?, 0);
    browser.run("document.querySelector('#text').focus()")?;
    browser.run(&format!("window.before = {NEWEST}; 0"))?;
    key(browser, "Enter", "\r")?;
    browser.until(&format!(
        "{NEWEST} !== window.before && (({{newest}}) => {ANSWERED})({{newest: {NEWEST}}})"
    ))?;
    browser.until("document.querySelector('#status').textContent.startsWith('POST /echo: ')")?;
    // From the last button on to the newest exchange's first record.
    browser.run("document.querySelector('form[data-do=replay] button').focus()")?;
    for _ in 0..20 {
        key(browser, "Tab", "")?;
        if browser.run("document.activeElement.matches('summary')")? == json!(true) {
            break;
        }
    }
    key(browser, "Enter", "\r")?;
    assert_eq!(browser.run("document.activeElement.parentElement.open")?, true);
    Ok(())
}

fn key(browser: &mut Chromium, key: &str, text: &str) -> Result {
    let code = if key == "Tab" { 9 } else { 13 };
    for kind in ["keyDown", "keyUp"] {
        let mut params = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
        if kind == "keyDown" && !text.is_empty() {
            params["text"] = json!(text);
        }
        browser.call("Input.dispatchKeyEvent", &params)?;
    }
    Ok(())
}

/// WCAG 1.4.3: a contrast of 4.5 between text and what is behind it.
pub(crate) fn contrast(browser: &mut Chromium) -> Result {
    let site = Site::start()?;
    let faint = "(() => {
        const parse = (color) => color.match(/[\\d.]+/g).map(Number);
        const linear = (value) => value <= 10.31475 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4;
        const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
        const behind = (element) => {
            for (; element; element = element.parentElement) {
                const color = parse(getComputedStyle(element).backgroundColor);
                if (color[3] !== 0) return color;
            }
        };
        const found = [];
        for (const element of document.querySelectorAll('body *')) {
            const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
            if (!own || !element.offsetHeight) continue;
            const [a, b] = [parse(getComputedStyle(element).color), behind(element)].map(light).sort((a, b) => b - a);
            const contrast = (a + 0.05) / (b + 0.05);
            if (contrast < 4.5) found.push(`${element.className || element.localName}: ${contrast.toFixed(2)}`);
        }
        return found;
    })()";
    for scheme in ["light", "dark"] {
        browser.scheme(scheme)?;
        browser.open(site.port)?;
        press(browser, "panic", ANSWERED)?;
        press(browser, "abort", "newest.querySelector('[data-from=web-server][data-kind=close]')")?;
        press(browser, "replay", "newest.querySelectorAll('.outcome').length === 2")?;
        assert_eq!(browser.run(faint)?, json!([]), "{scheme}");
    }
    Ok(())
}

pub(crate) fn markup(browser: &mut Chromium) -> Result {
    let site = Site::start()?;
    browser.open(site.port)?;
    let evil = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>";
    browser.run(&format!("document.querySelector('#text').value = {}; 0", json!(evil)))?;
    press(browser, "post", ANSWERED)?;
    assert_eq!(newest(browser, "newest.querySelectorAll('img, script').length")?, 0);
    assert_eq!(newest(browser, "newest.querySelector('[data-kind=STDIN] pre').textContent")?, evil);
    assert_eq!(browser.run("document.title")?, "axum over FastCGI");
    quiet(browser)
}
