//! A response, as far as the two must agree.

use std::collections::BTreeMap;

use test_support::Result;

/// What is compared of a response.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Response {
    /// `none` if the server closed without a response.
    pub(crate) status: String,
    /// Interim statuses before it.
    pub(crate) interim: Vec<String>,
    /// Values by name in lower case, in order.
    pub(crate) headers: BTreeMap<String, Vec<String>>,
    pub(crate) body: Body,
    /// Whether the body is complete, by its length or its last chunk.
    pub(crate) complete: bool,
}

/// A body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Text(String),
    /// Of nginx, for a status.
    ErrorPage,
    /// What a script has got, by the place where it found it.
    Seen(BTreeMap<String, String>),
}

/// Headers about the connection and its framing.
const NOT_COMPARED: [&str; 4] = ["connection", "date", "keep-alive", "transfer-encoding"];

impl Response {
    /// `ports`: the client's, and the server's.
    pub(crate) fn parse(received: &[u8], is_head: bool, ports: [u16; 2]) -> Result<Self> {
        let mut rest = received;
        let mut interim = Vec::new();
        loop {
            let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") else {
                return Ok(Self::none(interim, rest));
            };
            let head = escape(&rest[..end + 2]);
            rest = &rest[end + 4..];
            let mut lines = head.split("\\r\\n");
            let status = lines.next().and_then(|line| line.split(' ').nth(1)).ok_or("no status line")?;
            if status.starts_with('1') && status != "101" {
                interim.push(status.to_owned());
                continue;
            }
            let mut headers: BTreeMap<_, Vec<_>> = BTreeMap::new();
            for line in lines.filter(|line| !line.is_empty()) {
                let (name, value) = line.split_once(':').ok_or_else(|| format!("no header: {line}"))?;
                let value = value.trim().replace(&format!("site.test:{}", ports[1]), "site.test");
                headers.entry(name.to_ascii_lowercase()).or_default().push(value);
            }
            let (body, complete) = read_body(&headers, rest, is_head || is_bodiless(status));
            headers.retain(|name, _| !NOT_COMPARED.contains(&name.as_str()));
            let status = status.to_owned();
            return Ok(Self { status, interim, body: Body::new(&body, ports), headers, complete });
        }
    }

    /// Whether the case has asked `site/respond.php` for a response that it has not.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(&self.body, Body::Text(text) if text.starts_with("no response "))
    }

    fn none(interim: Vec<String>, rest: &[u8]) -> Self {
        let body = Body::Text(escape(rest));
        Self { status: "none".to_owned(), interim, headers: BTreeMap::new(), body, complete: false }
    }
}

fn is_bodiless(status: &str) -> bool {
    ["204", "304", "101"].contains(&status)
}

/// Whether these bytes end with a complete response. One that ends with the connection is never complete.
pub(crate) fn is_whole(received: &[u8], is_head: bool) -> bool {
    let mut rest = received;
    while let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&rest[..end]).to_ascii_lowercase();
        rest = &rest[end + 4..];
        let status = head.split(' ').nth(1).unwrap_or_default();
        if status.starts_with('1') && status != "101" {
            continue;
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        return is_head
            || is_bodiless(status)
            || length.is_some_and(|length: usize| rest.len() >= length)
            || (head.contains("transfer-encoding: chunked") && rest.ends_with(b"0\r\n\r\n"));
    }
    false
}

/// The body, and whether it is complete.
fn read_body(headers: &BTreeMap<String, Vec<String>>, rest: &[u8], is_bodiless: bool) -> (Vec<u8>, bool) {
    let value = |name| headers.get(name).and_then(|values| values.first());
    if is_bodiless {
        // Bytes after a head that has no body would be another response.
        (rest.to_vec(), rest.is_empty())
    } else if value("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        dechunk(rest)
    } else {
        let length = value("content-length").and_then(|length| length.parse().ok());
        (rest.to_vec(), length.is_none_or(|length: usize| length == rest.len()))
    }
}

fn dechunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size =
            std::str::from_utf8(&rest[..end]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let data = &rest[end + 2..];
        match size {
            Some(0) => return (body, data == b"\r\n"),
            Some(size) if data.len() >= size + 2 => {
                body.extend(&data[..size]);
                rest = &data[size + 2..];
            }
            _ => break,
        }
    }
    (body, false)
}

impl Body {
    fn new(bytes: &[u8], ports: [u16; 2]) -> Self {
        if let Some(seen) = bytes.strip_prefix(b"seen ")
            && let Ok(seen) = serde_json::from_slice::<BTreeMap<String, String>>(seen)
        {
            return Self::Seen(seen.into_iter().map(|(place, value)| (place, known(value, ports))).collect());
        }
        let text = escape(bytes);
        if text.contains("<hr><center>nginx") { Self::ErrorPage } else { Self::Text(text) }
    }
}

/// Names the ports, which differ from run to run.
fn known(value: String, [client, server]: [u16; 2]) -> String {
    match value.parse::<u16>() {
        Ok(port) if port == client => "the client's port".to_owned(),
        Ok(port) if port == server => "the server's port".to_owned(),
        _ => value,
    }
}

/// ASCII as it is, and other bytes as escapes.
fn escape(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string().replace("\\'", "'").replace("\\\"", "\"")
}
