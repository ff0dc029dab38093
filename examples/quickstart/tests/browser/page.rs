//! What the page does.

use std::env;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use test_support::Result;

use crate::chromium::Chromium;
use crate::site::Site;
use crate::wire::{Record, Request, requests};

/// The newest exchange.
const NEWEST: &str = "document.querySelector('#exchanges').firstElementChild";

/// Presses a button, and waits until the newest exchange has what `condition` looks for.
pub(crate) fn press(browser: &mut Chromium, button: &str, condition: &str) -> Result {
    let before = browser.run(&format!("window.before = {NEWEST}; 0")).map(drop);
    browser.press(button)?;
    browser.until(&format!(
        "{NEWEST} !== window.before && (({{newest}}) => {condition})({{newest: {NEWEST}}})"
    ))?;
    before
}

const STATUS: &str = "newest.querySelector('.status')";

/// An answer, and the end of it on the wire.
pub(crate) const ANSWERED: &str =
    "newest.querySelector('.status') && newest.querySelector('[data-kind=END_REQUEST]')";

pub(crate) fn newest(browser: &mut Chromium, expression: &str) -> Result<Value> {
    browser.run(&format!("(({{newest}}) => {expression})({{newest: {NEWEST}}})"))
}

/// The types of the newest exchange's steps, from one side.
fn kinds(browser: &mut Chromium, from: &str) -> Result<Vec<String>> {
    let steps = format!("newest.querySelectorAll('.step[data-from={from}]')");
    let kinds = newest(browser, &format!("[...{steps}].map((step) => step.dataset.kind)"))?;
    Ok(serde_json::from_value(kinds)?)
}

pub(crate) fn quiet(browser: &mut Chromium) -> Result {
    match &browser.complaints()?[..] {
        [] => Ok(()),
        complaints => Err(format!("on the console: {complaints:#?}").into()),
    }
}

pub(crate) fn loads(browser: &mut Chromium) -> Result {
    let site = Site::start()?;
    browser.open(site.port)?;
    quiet(browser)?;
    assert_eq!(browser.run("document.querySelectorAll('.story b').length")?, 3);
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
    assert!(outcomes[0].as_str().is_some_and(|text| text.ends_with("nginx waits 60 s.")), "{outcomes}");
    assert!(
        outcomes[1].as_str().is_some_and(|text| text.starts_with("tower-fcgi: closed after ")),
        "{outcomes}"
    );
    let close = "[...newest.querySelectorAll('.diagram')].map((diagram) =>
        diagram.querySelectorAll('[data-from=application][data-kind=close]').length)";
    assert_eq!(newest(browser, close)?, json!([0, 1]));
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

pub(crate) fn empty_name(browser: &mut Chromium) -> Result {
    let site = Site::start()?;
    browser.open(site.port)?;
    for name in ["", "  "] {
        browser.run(&format!("document.querySelector('#name').value = '{name}'; 0"))?;
        press(browser, "get", ANSWERED)?;
        let answer = newest(browser, "newest.querySelector('.answer pre').textContent")?;
        assert!(answer.as_str().is_some_and(|text| text.starts_with("Hello, World, at 127.")), "{answer}");
    }
    quiet(browser)
}

/// As the browser sent it, to be held against the first PARAMS, which are open.
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
    assert_eq!(newest(browser, open)?, json!([false]), "one is enough");
    let text = newest(browser, "newest.querySelector('.request pre').textContent")?;
    let is_whole = |text: &str| text.starts_with("POST /echo HTTP/1.1\n") && text.ends_with("\n\none record");
    assert!(text.as_str().is_some_and(is_whole), "{text}");
    quiet(browser)
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
