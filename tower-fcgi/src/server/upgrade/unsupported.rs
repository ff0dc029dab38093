//! The warning that a web server does not carry WebSockets.

use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderValue;
use http::header::{HeaderMap, UPGRADE};

use crate::server::request_summary::{RequestSummary, Summarize, request_event};

/// Whether the warning was logged. Once for each process is enough: it concerns the web server's configuration.
static WARNED: AtomicBool = AtomicBool::new(false);

/// The warning that the web server has ended STDIN of a request that asks for a WebSocket.
#[derive(Debug)]
pub(crate) struct WebSocketWarning {
    web_server: Box<str>,
    request: RequestSummary,
}

impl WebSocketWarning {
    /// `None` for other protocols: `Upgrade: h2c` is only an offer, and the request works without. `software` is
    /// SERVER_SOFTWARE.
    pub(crate) fn new(
        headers: &HeaderMap,
        software: Option<&[u8]>,
        request: &impl Summarize,
    ) -> Option<Self> {
        let is_web_socket = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"websocket");
        headers.get(UPGRADE).is_some_and(is_web_socket).then(|| {
            let web_server = String::from_utf8_lossy(software.unwrap_or(b"the web server"));
            Self { web_server: web_server.into(), request: request.summary() }
        })
    }

    /// Logs at `warn`, the first time in this process.
    pub(crate) fn log(&self) {
        if WARNED.swap(true, Ordering::Relaxed) {
            return;
        }
        request_event!(
            warn,
            &self.request,
            web_server = %self.web_server,
            "a client asks for a WebSocket, which this web server does not carry over FastCGI or CGI: use lighttpd 1.4.74 or \
             later with \"upgrade\" => \"enable\", or route such paths over HTTP (see \"WebSockets\" in axum-fcgi's deployment \
             notes)"
        );
    }
}
