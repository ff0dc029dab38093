//! Tests the page's functions.

use std::env;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use test_support::Result;
use test_support::chromium::Chromium;

use crate::open_page::OpenPage as _;
use crate::site::Site;
use crate::wire::{Record, Request, requests};

/// The newest exchange.
const NEWEST: &str = "document.querySelector('#exchanges').firstElementChild";

/// Presses a button and waits until `condition` holds for a new exchange.
pub(crate) fn press(browser: &mut Chromium, button: &str, condition: &str) -> Result {
    let before = browser.run(&format!("window.before = {NEWEST}; 0")).map(drop);
    browser.press(button)?;
    browser.until(&format!(
        "{NEWEST} !== window.before && (({{newest}}) => {condition})({{newest: {NEWEST}}})"
    ))?;
    before
}

const STATUS: &str = "newest.querySelector('.status')";

/// The response was received, and END_REQUEST is shown.
pub(crate) const ANSWERED: &str =
    "newest.querySelector('.status') && newest.querySelector('[data-kind=END_REQUEST]')";

pub(crate) fn newest(browser: &mut Chromium, expression: &str) -> Result<Value> {
    browser.run(&format!("(({{newest}}) => {expression})({{newest: {NEWEST}}})"))
}

/// Returns the types of the newest exchange's steps from a peer.
fn kinds(browser: &mut Chromium, from: &str) -> Result<Vec<String>> {
    let steps = format!("newest.querySelectorAll('.step[data-from={from}]')");
    let kinds = newest(browser, &format!("[...{steps}].map((step) => step.dataset.kind)"))?;
    Ok(serde_json::from_value(kinds)?)
}

pub(crate) fn no_console_errors(browser: &mut Chromium) -> Result {
    match &browser.console_errors()?[..] {
        [] => Ok(()),
        errors => Err(format!("console errors: {errors:#?}").into()),
    }
}

pub(crate) fn loads(browser: &mut Chromium) -> Result {
    let site = Site::start()?;
    browser.open(site.port)?;
    no_console_errors(browser)?;
    assert_eq!(browser.run("document.querySelectorAll('.story b').length")?, 3);
    let elsewhere =
        "performance.getEntriesByType('resource').filter(({name}) => !name.startsWith(location.origin))";
    assert_eq!(browser.run(&format!("{elsewhere}.length"))?, 0);
    // The icon is served, too.
    assert_eq!(browser.run("fetch('icon.svg').then((icon) => icon.status)")?, 200);
    no_console_errors(browser)?;
    for (scheme, width, height, name) in
        [("light", 1100, 1280, "light"), ("dark", 1100, 1280, "dark"), ("light", 390, 1600, "phone")]
    {
        screenshots(browser, scheme, (width, height), name)?;
    }
    Ok(())
}

/// Takes screenshots if `SCREENSHOTS` is set.
fn screenshots(browser: &mut Chromium, scheme: &str, (width, height): (u32, u32), name: &str) -> Result {
    let Some(directory) = env::var_os("SCREENSHOTS") else { return Ok(()) };
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(directory);
    fs::create_dir_all(&directory)?;
    browser.scheme(scheme)?;
    browser.screen(width, height)?;
    for button in ["get", "post"] {
        press(browser, button, ANSWERED)?;
    }
    let screenshot = |browser: &mut Chromium, suffix: &str| -> Result {
        let png = STANDARD.decode(browser.screenshot()?)?;
        Ok(fs::write(directory.join(format!("{name}{suffix}.png")), png)?)
    };
    screenshot(browser, "")?;
    press(browser, "panic", ANSWERED)?;
    newest(browser, "newest.querySelectorAll('details').forEach((details) => { details.open = true; })")?;
    browser.run("document.querySelector('#wire').scrollIntoView()")?;
    screenshot(browser, "-contents")?;
    press(browser, "abort", "newest.querySelector('[data-from=web-server][data-kind=close]')")?;
    press(browser, "replay", "newest.querySelector('.outcome.good')")?;
    browser.run("document.querySelector('#wire').scrollIntoView()")?;
    screenshot(browser, "-replay")?;
    browser.run("scrollTo(0, 0)")?;
    Ok(())
}

pub(crate) fn buttons(browser: &mut Chromium) -> Result {
    let site = Site::start()?;
    browser.open(site.port)?;

    press(browser, "get", ANSWERED)?;
    let response = newest(browser, "newest.querySelector('.response pre').textContent")?;
    assert!(
        response.as_str().is_some_and(|text| text.starts_with("Hello, World, at 127.0.0.1")),
        "{response}"
    );

    browser.run("document.querySelector('#text').value = 'J\u{fc}rgen'; 0")?;
    press(browser, "post", ANSWERED)?;
    assert_eq!(newest(browser, "newest.querySelector('.response pre').textContent")?, "J\u{fc}rgen");
    assert_eq!(newest(browser, "newest.querySelector('.status').textContent")?, "200");

    press(browser, "upload", ANSWERED)?;
    let response = newest(browser, "newest.querySelector('.response pre').textContent")?;
    assert!(response.as_str().is_some_and(|text| text.contains("\"bytes\":200000")), "{response}");

    // The first event is shown before the response ends.
    press(browser, "events", "newest.querySelector('[data-kind=STDOUT] .gist')")?;
    assert_eq!(newest(browser, &format!("{STATUS} === null"))?, true);
    browser.until(&format!("(({{newest}}) => {ANSWERED})({{newest: {NEWEST}}})"))?;
    let events = newest(browser, "newest.querySelector('.response pre').textContent")?;
    assert!(events.as_str().is_some_and(|text| text.matches("data: event").count() == 5), "{events}");

    press(browser, "abort", "newest.querySelector('[data-from=web-server][data-kind=close]')")?;
    assert_eq!(newest(browser, "newest.querySelector('.status').textContent")?, "aborted");
    let web_server = kinds(browser, "web-server")?;
    assert_eq!(web_server[3..], ["STDIN", "ABORT_REQUEST", "close"], "{web_server:?}");
    // The application ends the request without a response.
    assert_eq!(kinds(browser, "application")?, ["STDOUT", "END_REQUEST"]);
    assert_eq!(
        newest(browser, "newest.querySelector('[data-kind=STDOUT] .gist').textContent")?,
        "end of stream"
    );
    no_console_errors(browser)?;

    press(browser, "panic", ANSWERED)?;
    assert_eq!(newest(browser, "newest.querySelector('.status').textContent")?, "500");
    let reason = newest(browser, "newest.querySelector('[data-kind=STDERR] pre').textContent")?;
    assert!(reason.as_str().is_some_and(|text| text.contains("this handler fails on purpose")), "{reason}");
    // The browser logs a response with status 500 as an error.
    let errors = browser.console_errors()?;
    assert!(errors.iter().all(|error| error.contains("/panic")), "{errors:#?}");
    Ok(())
}

pub(crate) fn records(browser: &mut Chromium) -> Result {
    let site = Site::start()?;
    browser.open(site.port)?;
    for button in ["get", "post", "upload", "events", "panic"] {
        press(browser, button, ANSWERED)?;
        // Steps are shown in the order of the wire, so a direction is complete with its end; the other one may not be.
        let number = browser.run("String(exchangeNumber)")?;
        let number = number.as_str().ok_or("the exchange has no number")?;
        let Request { web_server, application } = recorded(&site, number);
        assert!(!web_server.is_empty(), "{button}: the relay recorded no bytes");
        assert_eq!(shown(browser, "web-server")?, expected(&web_server), "{button}");
        assert_eq!(shown(browser, "application")?, expected(&application), "{button}");
        let pairs = newest(browser, "[...newest.querySelectorAll('dt')].map((name) => name.textContent)")?;
        let pairs: Vec<String> = serde_json::from_value(pairs)?;
        assert_eq!(pairs, names(&web_server), "{button}");
    }
    Ok(())
}

/// Returns what the page shows of a direction: each step's type, and its id and length as text.
fn shown(browser: &mut Chromium, from: &str) -> Result<Vec<(String, String)>> {
    let steps = format!("[...newest.querySelectorAll('.step[data-from={from}]')]");
    let both = "[step.dataset.kind, step.querySelector('.facts')?.textContent]";
    Ok(serde_json::from_value(newest(browser, &format!("{steps}.map((step) => {both})"))?)?)
}

/// Returns what the page should show of these records.
fn expected(records: &[Record]) -> Vec<(String, String)> {
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

/// Returns the recorded request of this exchange.
fn recorded(site: &Site, exchange: &str) -> Request {
    const UNPOISONED: &str = "no thread panics while it holds the lock";
    let connections = site.connections.lock().expect(UNPOISONED);
    let all = connections.iter().flat_map(|bytes| requests(&bytes.lock().expect(UNPOISONED)));
    let is_it = |request: &Request| {
        let params = params(&request.web_server);
        params.iter().any(|(name, value)| name == "HTTP_X_EXCHANGE" && value == exchange)
    };
    all.into_iter().find(is_it).unwrap_or_default()
}

fn names(records: &[Record]) -> Vec<String> {
    params(records).into_iter().map(|(name, _)| name).collect()
}

/// Decodes the pairs of PARAMS (FastCGI §3.4).
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
    assert!(outcomes[0].as_str().is_some_and(|text| text.ends_with("nginx waits 60 s.")), "{outcomes}");
    assert!(
        outcomes[1].as_str().is_some_and(|text| text.starts_with("tower-fcgi: closed after ")),
        "{outcomes}"
    );
    let close = "[...newest.querySelectorAll('.diagram')].map((diagram) =>
        diagram.querySelectorAll('[data-from=application][data-kind=close]').length)";
    assert_eq!(newest(browser, close)?, json!([0, 1]));
    no_console_errors(browser)
}

pub(crate) fn keyboard(browser: &mut Chromium) -> Result {
    let site = Site::start()?;
    browser.open(site.port)?;
    // Every control is reachable and has a name.
    let nameless = "[...document.querySelectorAll('button, input, summary')].filter((element) =>
        element.tabIndex < 0 || !(element.textContent.trim() || element.labels?.length)).length";
    assert_eq!(browser.run(nameless)?, 0);
    // A row has its direction as text; its arrow is hidden from screen readers.
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
    // Tab moves from the last button to the newest exchange's first record.
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

pub(crate) fn empty_name(browser: &mut Chromium) -> Result {
    let site = Site::start()?;
    browser.open(site.port)?;
    for name in ["", "  "] {
        browser.run(&format!("document.querySelector('#name').value = '{name}'; 0"))?;
        press(browser, "get", ANSWERED)?;
        let response = newest(browser, "newest.querySelector('.response pre').textContent")?;
        assert!(
            response.as_str().is_some_and(|text| text.starts_with("Hello, World, at 127.")),
            "{response}"
        );
    }
    no_console_errors(browser)
}

/// The HTTP request is shown beside the first PARAMS, which are open.
pub(crate) fn http_request(browser: &mut Chromium) -> Result {
    let site = Site::start()?;
    browser.screen(1280, 800)?;
    browser.open(site.port)?;
    let open = "[...newest.querySelectorAll('[data-kind=PARAMS] details')].map((details) => details.open)";
    assert_eq!(newest(browser, open)?, json!([true]));
    let text = newest(browser, "newest.querySelector('.request pre').textContent")?;
    let expected = format!("GET /hello?name=World HTTP/1.1\nhost: 127.0.0.1:{}\n", site.port);
    assert!(text.as_str().is_some_and(|text| text.starts_with(&expected)), "{text}");
    let beside = "(() => {
        const [a, b] = ['.request', '.diagram'].map((name) => newest.querySelector(name).getBoundingClientRect());
        return a.right <= b.left && Math.abs(a.top - b.top) < 40;
    })()";
    assert_eq!(newest(browser, beside)?, true);
    press(browser, "post", ANSWERED)?;
    assert_eq!(newest(browser, open)?, json!([false]), "only the first PARAMS are open");
    let text = newest(browser, "newest.querySelector('.request pre').textContent")?;
    let is_complete =
        |text: &str| text.starts_with("POST /echo HTTP/1.1\n") && text.ends_with("\n\none record");
    assert!(text.as_str().is_some_and(is_complete), "{text}");
    no_console_errors(browser)
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
    no_console_errors(browser)
}
