//! A web server's configuration over each protocol.

use test_support::WebServer;

use crate::{
    application::Protocol,
    headers::{self, Headers},
};

/// The application's socket in a configuration.
pub(crate) const SOCKET: &str = "/run/hello.sock";

/// A web server, and how it connects to the application over each protocol.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) server: WebServer,
    /// The configurations listen on port 8080, and connect to [`SOCKET`].
    pub(crate) fastcgi: String,
    pub(crate) http: String,
    /// The headers of the client's requests.
    pub(crate) headers: Headers,
}

impl Setup {
    /// A setup whose client is a browser.
    pub(crate) fn new(
        server: WebServer,
        name: impl Into<String>,
        label: impl Into<String>,
        fastcgi: String,
        http: String,
    ) -> Self {
        let headers = headers::of_browser(0);
        Self { name: name.into(), label: label.into(), server, fastcgi, http, headers }
    }

    pub(crate) fn configuration(&self, protocol: Protocol) -> &str {
        match protocol {
            Protocol::FastCgi => &self.fastcgi,
            Protocol::Http => &self.http,
        }
    }
}
