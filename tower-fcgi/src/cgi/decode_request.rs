//! Meta-variables to the head of an [`http::Request`] (RFC 3875 §4.1).
//!
//! | meta-variable | becomes |
//! | --- | --- |
//! | REQUEST_METHOD | the method |
//! | REQUEST_URI, SCRIPT_NAME, PATH_INFO, QUERY_STRING | the target: see [`RequestTarget`](crate::RequestTarget) |
//! | SERVER_PROTOCOL | the version; what is not an HTTP version (`INCLUDED`, none) counts as HTTP/1.1 |
//! | CONTENT_TYPE, CONTENT_LENGTH | the headers of these names; left out where empty |
//! | HTTP_* | the header of that name; one that comes several times is appended in order, so the first is what `HeaderMap::get` gives |
//! | HTTP_HOST, HTTP_AUTHORIZATION | the header of that name; of several the last alone |
//! | HTTP_PROXY | nothing: programs take the variable of that name for a setting (httpoxy) |
//! | HTTP_CONTENT_TYPE, HTTP_CONTENT_LENGTH | nothing: web servers send them beside the real ones, or where there is no body at all |
//! | HTTP_TRANSFER_ENCODING | nothing: the web server has undone that coding |
//!
//! Of a variable that comes several times and is no HTTP_*, the last value counts; of CONTENT_TYPE the first that is
//! not empty, since HAProxy and H2O send each of a client's.
//!
//! All of them, these included, are in `Params`.

use std::net::SocketAddr;

use fcgi_core::Params;
use http::{Method, Request, Version};

use super::decimal::parse_decimal;
use super::error::RequestError;
use super::head_cache;
use super::meta_variables::{Variable, Variables};
use super::remote_addr::client_addr;
use super::request_target::OriginalUri;
use super::target::{TargetContext, TargetVariables, partial_target, whole_target};

/// What else the meta-variables tell that is needed to serve a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestInfo {
    /// Bytes of the body, where the web server tells.
    pub(crate) content_length: Option<u64>,
    /// The client, where the web server tells its address.
    pub(crate) client: Option<SocketAddr>,
}

/// Fills in the head of `request` from the meta-variables. In place, since a request is too large to move. The only
/// extension that it may set is an [`OriginalUri`].
///
/// # Errors
/// What the response is instead of the service's.
pub(crate) fn read_head<B>(
    params: &Params,
    context: TargetContext<'_>,
    request: &mut Request<B>,
) -> Result<RequestInfo, RequestError> {
    let mut variables = Variables::default();
    *request.headers_mut() = head_cache::headers(params, &mut variables)?;
    let value = |variable| variables.value(variable);
    *request.method_mut() = method(value(Variable::Method))?;
    let target = TargetVariables {
        request_uri: value(Variable::RequestUri),
        script_name: value(Variable::ScriptName),
        path_info: variables.get(Variable::PathInfo),
        query_string: variables.get(Variable::QueryString),
        protocol: value(Variable::Protocol),
    };
    let whole = whole_target(&target, params, context)?;
    *request.uri_mut() = match partial_target(&target, &whole, &context.settings.target)? {
        None => whole,
        Some(part) => {
            request.extensions_mut().insert(OriginalUri(whole));
            part
        }
    };
    *request.version_mut() = version(value(Variable::Protocol));
    Ok(RequestInfo {
        content_length: parse_decimal(value(Variable::ContentLength)),
        client: client_addr(value(Variable::RemoteAddr), value(Variable::RemotePort)),
    })
}

fn method(method: &[u8]) -> Result<Method, RequestError> {
    Method::from_bytes(method).map_err(|_| RequestError::bad_request("its method is invalid"))
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

#[cfg(test)]
mod tests;
