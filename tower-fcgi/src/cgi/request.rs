//! Meta-variables to the head of an [`http::Request`] (RFC 3875 §4.1).
//!
//! | meta-variable | becomes |
//! | --- | --- |
//! | REQUEST_METHOD | the method |
//! | REQUEST_URI, else SCRIPT_NAME + PATH_INFO + QUERY_STRING | the target |
//! | SERVER_PROTOCOL | the version; what is not an HTTP version (`INCLUDED`, none) counts as HTTP/1.1 |
//! | CONTENT_TYPE, CONTENT_LENGTH | the headers of these names; left out where empty |
//! | HTTP_* | the header of that name; one that comes several times is appended in order, so the first is what `HeaderMap::get` gives |
//! | HTTP_PROXY | nothing: programs take the variable of that name for a setting (httpoxy) |
//! | HTTP_CONTENT_TYPE, HTTP_CONTENT_LENGTH | nothing: web servers send them beside the real ones, or where there is no body at all |
//! | HTTP_TRANSFER_ENCODING | nothing: the web server has undone that coding |
//!
//! All of them, these included, are in `Params`.

use std::net::SocketAddr;

use fcgi_core::Params;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, StatusCode, Version, request};

use super::client::client;
use super::names::header_name;
use super::target::Target;
use crate::failure::Failure;

/// The head of a request.
#[derive(Debug)]
pub(crate) struct Head {
    /// Method, target, version and headers.
    pub(crate) parts: request::Parts,
    /// Bytes of the body, where the web server tells.
    pub(crate) content_length: Option<u64>,
    /// The client, where the web server tells its address.
    pub(crate) client: Option<SocketAddr>,
}

/// Reads the head of a request, or says what the client is to be told instead.
pub(crate) fn read_head(params: &Params) -> Result<Head, Failure> {
    let mut variables = Variables::default();
    let mut headers = Headers::new(params);
    for (name, value) in params {
        match name.strip_prefix(b"HTTP_") {
            Some(name) => headers.http(name, value)?,
            None => variables.take(name, value),
        }
    }
    let content_length = content_length(variables.content_length);
    if !variables.content_type.is_empty() {
        headers.append(CONTENT_TYPE, variables.content_type)?;
    }
    if content_length.is_some() {
        headers.append(CONTENT_LENGTH, variables.content_length)?;
    }
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = method(variables.method)?;
    parts.uri = variables.target.uri(params)?;
    parts.version = version(variables.protocol);
    parts.headers = headers.map;
    Ok(Head { parts, content_length, client: client(variables.remote_addr, variables.remote_port) })
}

/// The meta-variables that are no headers, each with the last value that it was given.
#[derive(Default)]
struct Variables<'a> {
    method: &'a [u8],
    protocol: &'a [u8],
    content_type: &'a [u8],
    content_length: &'a [u8],
    remote_addr: &'a [u8],
    remote_port: &'a [u8],
    target: Target<'a>,
}

impl<'a> Variables<'a> {
    #[inline]
    fn take(&mut self, name: &[u8], value: &'a [u8]) {
        let place = match name.len() {
            9 if name == b"PATH_INFO" => &mut self.target.path_info,
            11 if name == b"REQUEST_URI" => &mut self.target.request_uri,
            11 if name == b"SCRIPT_NAME" => &mut self.target.script_name,
            11 if name == b"REMOTE_ADDR" => &mut self.remote_addr,
            11 if name == b"REMOTE_PORT" => &mut self.remote_port,
            12 if name == b"QUERY_STRING" => &mut self.target.query_string,
            12 if name == b"CONTENT_TYPE" => &mut self.content_type,
            14 if name == b"CONTENT_LENGTH" => &mut self.content_length,
            14 if name == b"REQUEST_METHOD" => &mut self.method,
            15 if name == b"SERVER_PROTOCOL" => &mut self.protocol,
            _ => return,
        };
        *place = value;
    }
}

/// The headers as they grow.
struct Headers<'a> {
    map: HeaderMap,
    params: &'a Params,
}

impl<'a> Headers<'a> {
    fn new(params: &'a Params) -> Self {
        // About half of what a web server sends are headers. Not more than a browser's worth is allocated on
        // the peer's word; the map grows as they really come.
        Self { map: HeaderMap::with_capacity((params.len() / 2).min(24)), params }
    }

    #[inline]
    fn http(&mut self, name: &[u8], value: &[u8]) -> Result<(), Failure> {
        let left_out = match name.len() {
            5 => name == b"PROXY",
            12 => name == b"CONTENT_TYPE",
            14 => name == b"CONTENT_LENGTH",
            17 => name == b"TRANSFER_ENCODING",
            _ => false,
        };
        if left_out {
            return Ok(());
        }
        let Ok(name) = header_name(name) else {
            return Err(Failure::Request(StatusCode::BAD_REQUEST, "a header's name is none of HTTP's"));
        };
        self.append(name, value)
    }

    fn append(&mut self, name: HeaderName, value: &[u8]) -> Result<(), Failure> {
        // A slice of the PARAMS: nothing is copied.
        let value = self.params.encoded().slice_ref(value);
        let Ok(value) = HeaderValue::from_maybe_shared(value) else {
            return Err(Failure::Request(
                StatusCode::BAD_REQUEST,
                "a header's value has a control character",
            ));
        };
        match self.map.try_append(name, value) {
            Ok(_) => Ok(()),
            Err(_full) => Err(Failure::Request(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "it has more headers than can be held",
            )),
        }
    }
}

fn method(method: &[u8]) -> Result<Method, Failure> {
    Method::from_bytes(method)
        .map_err(|_| Failure::Request(StatusCode::BAD_REQUEST, "its method is none of HTTP's"))
}

fn version(protocol: &[u8]) -> Version {
    match protocol {
        b"HTTP/1.0" => Version::HTTP_10,
        b"HTTP/0.9" => Version::HTTP_09,
        b"HTTP/2" | b"HTTP/2.0" => Version::HTTP_2,
        b"HTTP/3" | b"HTTP/3.0" => Version::HTTP_3,
        _ => Version::HTTP_11,
    }
}

/// What is not a non-negative number (nothing, or Caddy's `-1`) tells no length.
fn content_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
