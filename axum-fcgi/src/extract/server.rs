//! The web server's address.

use std::fmt;
use std::net::SocketAddr;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

/// The address at which the web server received the request: SERVER_ADDR, which is no variable of RFC 3875
/// but sent by nginx, Apache, lighttpd and H2O, and SERVER_PORT (§4.1.15).
///
/// Caddy takes SERVER_PORT from the Host header, so the port is what the client says there.
///
/// # Rejection
/// [`MissingWebServerAddr`], a 500, where the web server does not tell it (Caddy, HAProxy), or tells
/// something else than an IP address, or the request did not come over FastCGI. `Option<WebServerAddr>` is
/// `None` there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebServerAddr(pub SocketAddr);

impl WebServerAddr {
    fn from_parts(parts: &Parts) -> Option<Self> {
        let params = parts.extensions.get::<tower_fcgi::Params>()?;
        let addr = params.get_str("SERVER_ADDR")?;
        // IPv6 comes with brackets or without, as the web server likes.
        let addr = addr.strip_prefix('[').and_then(|addr| addr.strip_suffix(']')).unwrap_or(addr);
        let port = params.get_str("SERVER_PORT")?;
        Some(Self(SocketAddr::new(addr.parse().ok()?, port.parse().ok()?)))
    }
}

impl<S: Sync> FromRequestParts<S> for WebServerAddr {
    type Rejection = MissingWebServerAddr;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, MissingWebServerAddr> {
        Self::from_parts(parts).ok_or(MissingWebServerAddr)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for WebServerAddr {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Self::Rejection> {
        Ok(Self::from_parts(parts))
    }
}

/// The web server did not tell its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingWebServerAddr;

impl fmt::Display for MissingWebServerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the web server sends no SERVER_ADDR and SERVER_PORT that are an address")
    }
}

impl std::error::Error for MissingWebServerAddr {}

impl IntoResponse for MissingWebServerAddr {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.to_string()).into_response()
    }
}
