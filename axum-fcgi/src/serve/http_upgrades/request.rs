//! Which HTTP requests reach the service, and with which target.

use axum::body::Body;
use axum::extract::{ConnectInfo, OriginalUri, Request};
use axum::http::header::{CONNECTION, HeaderMap, TRANSFER_ENCODING, UPGRADE};
use axum::http::{HeaderValue, Method, StatusCode, Uri, Version};
use axum::response::{IntoResponse, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use percent_encoding::percent_decode;
use tower_fcgi::RequestTarget;

use super::client_addr::client_addr;
use crate::extract::HttpSocket;
use crate::request_log::{Summarize, request_event};

const ONLY_UPGRADES: &str =
    "This socket only upgrades connections, to WebSockets for example. Other requests go over FastCGI.\n";

/// Why a request does not reach the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    NoUpgrade,
    DotSegment,
    OutsidePrefix,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::NoUpgrade => upgrade_required(),
            Self::DotSegment => (StatusCode::BAD_REQUEST, "The path has a dot segment.\n").into_response(),
            Self::OutsidePrefix => StatusCode::NOT_FOUND.into_response(),
        }
    }
}

/// Converts a request to axum's if it may reach the service.
///
/// # Errors
/// If it may not.
pub(super) fn accept(
    request: axum::http::Request<Incoming>,
    target: &RequestTarget,
    log: &impl Summarize,
) -> Result<Request, Refusal> {
    let (mut parts, body) = request.into_parts();
    // RFC 9110 §7.8: a server ignores Upgrade in HTTP/1.0.
    let is_upgrade = parts.version == Version::HTTP_11
        && parts.method == Method::GET
        && body.is_end_stream()
        && !parts.headers.contains_key(TRANSFER_ENCODING)
        && asks_for_upgrade(&parts.headers);
    if !is_upgrade {
        return Err(Refusal::NoUpgrade);
    }
    if has_dot_segment(parts.uri.path()) {
        return Err(Refusal::DotSegment);
    }
    if let RequestTarget::StripPrefix(prefix) = target {
        let Some(below) = strip_prefix(&parts.uri, prefix) else {
            return Err(Refusal::OutsidePrefix);
        };
        parts.extensions.insert(OriginalUri(std::mem::replace(&mut parts.uri, below)));
    }
    let client = client_addr(&parts.headers, log);
    parts.extensions.insert(ConnectInfo(client));
    parts.extensions.insert(HttpSocket);
    Ok(Request::from_parts(parts, Body::empty()))
}

/// Replaces the response of a handler that has answered instead of upgrading. The web server's rules for its path were not
/// applied: nginx sends the client's spelling, and `/private/../ws`, which it takes for `/ws`, could have another meaning in a
/// route. Redirects and errors pass.
pub(super) fn check_response(response: Response, log: &impl Summarize) -> Response {
    if !response.status().is_success() {
        return response;
    }
    request_event!(
        warn,
        log,
        status = response.status().as_u16(),
        "a handler answered instead of upgrading, over the HTTP socket for upgrades: the client gets a 426; route this path over \
         FastCGI"
    );
    upgrade_required()
}

/// A connection has one request, so that it is never idle after it. hyper's own setting for this would drop
/// `Connection: upgrade`.
pub(super) fn close_unless_upgraded(mut response: Response) -> Response {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response.headers_mut().append(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// RFC 9110 §15.5.22: a 426 names a protocol.
fn upgrade_required() -> Response {
    let mut response = (StatusCode::UPGRADE_REQUIRED, ONLY_UPGRADES).into_response();
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    response
}

/// Whether a request asks for an upgrade (RFC 9110 §7.8): it has the header Upgrade, and Connection lists it.
fn asks_for_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(UPGRADE)
        && headers.get_all(CONNECTION).iter().any(|value| {
            let mut options = value.as_bytes().split(|byte| *byte == b',');
            options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
        })
}

/// Whether a segment is `.` or `..`, decoded, also with `%2F`.
fn has_dot_segment(path: &str) -> bool {
    let decoded: Vec<u8> = percent_decode(path.as_bytes()).collect();
    decoded.split(|byte| *byte == b'/').any(|segment| matches!(segment, b"." | b".."))
}

/// The target below the prefix, which is decoded: see [`RequestTarget::StripPrefix`].
fn strip_prefix(uri: &Uri, prefix: &str) -> Option<Uri> {
    let mut below = uri.path();
    for expected in prefix.split('/').filter(|segment| !segment.is_empty()) {
        let rest = below.strip_prefix('/')?;
        let (segment, after) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if !percent_decode(segment.as_bytes()).eq(expected.bytes()) {
            return None;
        }
        below = after;
    }
    let below = if below.is_empty() { "/" } else { below };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{below}{query}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_segments_are_found_in_any_spelling() {
        for (path, has) in [
            ("/ws", false),
            ("/.well-known/..x/x..", false),
            ("/private/../ws", true),
            ("/./ws", true),
            ("/ws/..", true),
            ("/ws/%2e%2E/x", true),
            ("/ws%2F..%2fx", true),
        ] {
            assert_eq!(has_dot_segment(path), has, "{path}");
        }
    }

    #[test]
    fn a_prefix_is_whole_segments() {
        for (target, prefix, below) in [
            ("/app/ws?q=1", "/app", Some("/ws?q=1")),
            ("/app/ws", "/app/", Some("/ws")),
            ("/app", "/app", Some("/")),
            ("/app?q=1", "/app", Some("/?q=1")),
            ("/my%20app/ws", "/my app", Some("/ws")),
            ("/appother", "/app", None),
            ("/app%2Fws", "/app", None),
            ("//app/ws", "/app", None),
            ("/ws", "/app", None),
            ("/ws", "", Some("/ws")),
        ] {
            let found = strip_prefix(&target.parse().unwrap(), prefix).map(|uri| uri.to_string());
            assert_eq!(found.as_deref(), below, "{target} {prefix}");
        }
    }

    #[test]
    fn connection_must_list_upgrade() {
        let asks = |connection: &'static str, upgrade: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(CONNECTION, HeaderValue::from_static(connection));
            upgrade.map(|name| headers.insert(UPGRADE, HeaderValue::from_static(name)));
            asks_for_upgrade(&headers)
        };
        assert!(asks("upgrade", Some("websocket")) && asks("keep-alive, Upgrade", Some("websocket")));
        assert!(!asks("upgrade", None) && !asks("close", Some("websocket")));
    }
}
