//! Sets the headers of a client.

use std::fmt::Display;

use axum::http::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue};

use super::client::Client;
use super::element::Forwarded;
use super::names::{X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PORT, X_FORWARDED_PROTO, X_REAL_IP};

/// Sets a header for each fact that is known.
pub(super) fn set_headers(client: &Client, headers: &mut HeaderMap) {
    if let Some(addr) = client.chain.first() {
        let addrs: Vec<_> = client.chain.iter().map(ToString::to_string).collect();
        set(headers, X_FORWARDED_FOR, addrs.join(", "));
        set(headers, X_REAL_IP, addr);
    }
    if let Some(host) = &client.host {
        set(headers, X_FORWARDED_HOST, host);
    }
    if let Some(scheme) = &client.scheme {
        set(headers, X_FORWARDED_PROTO, scheme);
    }
    if let Some(port) = client.port {
        set(headers, X_FORWARDED_PORT, port);
    }
    let forwarded = Forwarded(client).to_string();
    if !forwarded.is_empty() {
        set(headers, FORWARDED, forwarded);
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: impl Display) {
    // The values are valid: addresses, numbers and checked hosts. A full map leaves the header out, which fails closed.
    if let Ok(value) = HeaderValue::try_from(value.to_string()) {
        drop(headers.try_insert(name, value));
    }
}
