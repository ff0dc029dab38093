//! What a browser sees of a site, without what differs between two installations of it.

use serde_json::Value;
use test_support::Result;
use test_support::chromium::Chromium;

/// Headers whose values differ with the time, the copy of a file, or the web server's name, and those of one connection.
const VOLATILE: [&str; 10] = [
    "date",
    "server",
    "etag",
    "last-modified",
    "expires",
    "connection",
    "keep-alive",
    "content-length",
    "set-cookie",
    "transfer-encoding",
];

/// What WordPress's dashboard and DokuWiki's editor request in their own time, whether or not the page is still open.
const BACKGROUND: [&str; 5] = [
    "/wp-admin/admin-ajax.php",
    "/wp-admin/load-scripts.php",
    "/wp-admin/load-styles.php",
    "/lib/images/toolbar/",
    "/lib/images/smileys/",
];

/// Describes the page and the responses since the last call: one line each.
pub(crate) fn observe(browser: &mut Chromium, step: &str, origin: &str) -> Result<Vec<String>> {
    let page = browser.run("[document.title, location.pathname + location.search]")?;
    let mut lines = vec![format!("{step}: {}", normal(&page.to_string(), origin))];
    lines.extend(browser.responses()?.iter().filter_map(|response| describe(response, origin)));
    // Other sites cannot be reached from every machine.
    let errors = browser.console_errors()?;
    let errors = errors.iter().filter(|error| !error.contains("net::ERR_") || error.contains(origin));
    lines.extend(errors.map(|error| format!("{step}: console: {}", normal(&message(error), origin))));
    Ok(lines)
}

/// The text of an error in the console, without its time and number.
fn message(error: &str) -> String {
    let error: Value = serde_json::from_str(error).unwrap_or_default();
    let entry = &error["entry"];
    if entry.is_null() {
        error["exceptionDetails"]["exception"].to_string()
    } else {
        format!("{} {}", entry["text"], entry["url"])
    }
}

/// The status, the URL and the headers. `None` for another site's, and for a file that the browser already had.
fn describe(response: &Value, origin: &str) -> Option<String> {
    let url = response["url"].as_str()?.strip_prefix(origin)?;
    if response["status"] == 304 || BACKGROUND.iter().any(|path| url.starts_with(path)) {
        return None;
    }
    let headers = response["headers"].as_object()?;
    let mut headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.as_str().unwrap_or_default()))
        .filter(|(name, _)| !VOLATILE.contains(&&**name))
        .map(|(name, value)| format!("{name}: {}", normal(value, origin)))
        // The name before RFC 9239, which nginx still has.
        .map(|header| header.replace("application/javascript", "text/javascript"))
        .collect();
    // nginx's own pages for errors; PHP's have a charset.
    headers.retain(|header| response["status"] != 404 || header != "content-type: text/html");
    headers.sort();
    Some(format!("{} {} {headers:?}", response["status"], normal(url, origin)))
}

/// Replaces the origin, and numbers of five digits and more: times, nonces and ports.
fn normal(text: &str, origin: &str) -> String {
    let port = origin.rsplit(':').next().unwrap_or_default();
    let text = text.replace(origin, "ORIGIN").replace(port, "PORT");
    let is_word = |byte: char| byte.is_ascii_alphanumeric();
    let mut normal = String::new();
    for part in text.split_inclusive(|byte| !is_word(byte)) {
        let word = part.trim_end_matches(|byte| !is_word(byte));
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let is_token = word.len() >= 8 && digits >= 2 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_token || (digits >= 5 && digits == word.len()) {
            normal += "#";
            normal += &part[word.len()..];
        } else {
            normal += part;
        }
    }
    normal
}
