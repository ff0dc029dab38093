//! Decodes meta-variables into the head of an [`http::Request`] (RFC 3875 §4.1).
//!
//! | meta-variable | becomes |
//! | --- | --- |
//! | REQUEST_METHOD | the method |
//! | REQUEST_URI, SCRIPT_NAME, PATH_INFO, QUERY_STRING | the target: see [`RequestTarget`](crate::RequestTarget) |
//! | CONTENT_TYPE, CONTENT_LENGTH | the headers of these names; left out if empty |
//! | HTTP_* | the header of that name; repeated ones are appended in order, so `HeaderMap::get` returns the first |
//! | HTTP_HOST, HTTP_AUTHORIZATION | the header of that name; if repeated, only the last |
//! | HTTP_PROXY | nothing: programs take this variable for a setting (httpoxy) |
//! | HTTP_CONTENT_TYPE, HTTP_CONTENT_LENGTH | nothing: web servers send them beside the real ones, or even without a body |
//! | HTTP_TRANSFER_ENCODING | nothing: the web server has decoded that coding |
//! | HTTP_EXPECT | nothing: the web server has sent the `100 Continue` |
//! | HTTP_KEEP_ALIVE, HTTP_PROXY_CONNECTION | nothing: they belong to the client's connection (RFC 9110 §7.6.1) |
//! | HTTP_TE | nothing: a response has no trailers |
//!
//! Spaces and tabs around a header's value are removed (RFC 9110 §5.5).
//!
//! The version is HTTP/1.1, whatever the client speaks, as behind nginx's `proxy_pass`: it is that of the hop to the
//! application, and a handler that forwards the request would otherwise use the client's. SERVER_PROTOCOL is
//! [`Params::client_protocol`](crate::Params::client_protocol).
//!
//! If another variable is repeated, the last value counts; of CONTENT_TYPE the first that is not empty, since HAProxy and
//! H2O send each of a client's. `Params` has all variables.

use std::net::SocketAddr;

use fcgi_core::Params;
use http::{Method, Request, Version};

use super::decimal::parse_decimal;
use super::error::RequestError;
use super::head_cache;
use super::meta_variables::{MetaVariable, Variables};
use super::remote_addr::client_addr;
use super::request_target::OriginalUri;
use super::target::{TargetContext, TargetVariables, partial_target, whole_target};
use super::whitespace::trim_ows;

/// What the server needs to know about a request besides its head.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestInfo {
    /// The body's length in bytes, if known.
    pub(crate) content_length: Option<u64>,
    /// The client's address, if known.
    pub(crate) client: Option<SocketAddr>,
    /// Whether it asks for an upgrade (RFC 9110 §7.8).
    pub(crate) asks_for_upgrade: bool,
}

/// Sets the head of `request` from the meta-variables, in place, since a request is large to move. The only extension that
/// it may set is [`OriginalUri`].
///
/// # Errors
/// The request cannot be served; the error has the status that rejects it.
pub(crate) fn read_head<B>(
    params: &Params,
    context: TargetContext<'_>,
    request: &mut Request<B>,
) -> Result<RequestInfo, RequestError> {
    let mut variables = Variables::default();
    *request.headers_mut() = head_cache::headers(params, &mut variables)?;
    let value = |variable| variables.value(variable);
    *request.method_mut() = method(value(MetaVariable::Method))?;
    let target = TargetVariables {
        request_uri: value(MetaVariable::RequestUri),
        script_name: value(MetaVariable::ScriptName),
        path_info: variables.get(MetaVariable::PathInfo),
        query_string: variables.get(MetaVariable::QueryString),
        protocol: value(MetaVariable::Protocol),
    };
    let whole = whole_target(&target, params, context)?;
    *request.uri_mut() = match partial_target(&target, &whole, &context.settings.target)? {
        None => whole,
        Some(part) => {
            request.extensions_mut().insert(OriginalUri(whole));
            part
        }
    };
    *request.version_mut() = Version::HTTP_11;
    Ok(RequestInfo {
        content_length: parse_decimal(trim_ows(value(MetaVariable::ContentLength))),
        client: client_addr(value(MetaVariable::RemoteAddr), value(MetaVariable::RemotePort)),
        asks_for_upgrade: variables.asks_for_upgrade,
    })
}

fn method(method: &[u8]) -> Result<Method, RequestError> {
    Method::from_bytes(method).map_err(|_| RequestError::bad_request("its method is invalid"))
}

#[cfg(test)]
mod tests;
