//! The warning that a web server does not carry upgrades.

use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{HeaderMap, UPGRADE};

/// Whether the warning was logged. Once for each process is enough: it concerns the web server's configuration.
static WARNED: AtomicBool = AtomicBool::new(false);

/// Logs at `warn`, the first time, that the web server has ended STDIN of a request that asks for a WebSocket. `software` is
/// its SERVER_SOFTWARE. Not for other protocols: `Upgrade: h2c` is only an offer, and the request works without.
pub(crate) fn warn_if_web_socket(headers: &HeaderMap, software: Option<&[u8]>) {
    let is_web_socket = |value: &http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"websocket");
    if !headers.get(UPGRADE).is_some_and(is_web_socket) || WARNED.swap(true, Ordering::Relaxed) {
        return;
    }
    let web_server = String::from_utf8_lossy(software.unwrap_or(b"the web server"));
    tracing::warn!(
        %web_server,
        "a client asks for a WebSocket, which this web server does not carry over FastCGI: use lighttpd 1.4.74 or later with \
         \"upgrade\" => \"enable\", or route such paths over HTTP (see \"WebSockets\" in axum-fcgi's deployment notes)"
    );
}
