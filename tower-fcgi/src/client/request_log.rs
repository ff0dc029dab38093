//! What identifies a request in log events.

use http::request::Parts;

use crate::cgi::extra_params::ExtraParams;
use crate::escaped::Escaped;

/// Logs an event about a request, with the fields that identify it: a span can be filtered out by its level.
macro_rules! exchange_event {
    ($level:ident, $parts:expr, $($event:tt)+) => {{
        let parts: Option<&http::request::Parts> = $parts;
        tracing::$level!(
            method = parts.map(|parts| parts.method.as_str()),
            uri = parts.map($crate::client::request_log::uri),
            peer = parts.and_then($crate::client::request_log::peer),
            request_id = parts.and_then($crate::client::request_log::request_id),
            $($event)+
        );
    }};
}
pub(super) use exchange_event;

/// The target, at most 200 bytes: that of the caller's client if it is known.
pub(super) fn uri(parts: &Parts) -> String {
    variable(parts, "REQUEST_URI").unwrap_or_else(|| escaped(parts.uri.to_string().as_bytes()))
}

/// The address of the caller's client.
pub(super) fn peer(parts: &Parts) -> Option<String> {
    variable(parts, "REMOTE_ADDR")
}

/// What identifies the request in the log of the web server or proxy in front of the caller.
pub(super) fn request_id(parts: &Parts) -> Option<String> {
    let known = ["REQUEST_ID", "UNIQUE_ID"].into_iter().find_map(|name| variable(parts, name));
    known.or_else(|| Some(escaped(parts.headers.get("x-request-id")?.as_bytes())))
}

fn variable(parts: &Parts, name: &str) -> Option<String> {
    let ExtraParams(variables) = parts.extensions.get()?;
    variables.get(name).filter(|value| !value.is_empty()).map(escaped)
}

fn escaped(value: &[u8]) -> String {
    Escaped(value).to_string()
}
