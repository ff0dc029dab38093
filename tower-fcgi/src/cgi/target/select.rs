//! The target that the setting [`RequestTarget`] selects.

use fcgi_core::Params;
use http::uri::PathAndQuery;
use http::{StatusCode, Uri};

use super::decision::decide;
use super::path::Path;
use super::request_uri::SentTarget;
use super::uri::{encode_uri, to_uri};
use super::variables::{TargetContext, TargetVariables};
use crate::cgi::error::RequestError;
use crate::cgi::request_target::RequestTarget;
use crate::cgi::strip_prefix::strip_prefix;

/// The target before a prefix is stripped.
pub(in crate::cgi) fn whole_target(
    variables: &TargetVariables<'_>,
    params: &Params,
    context: TargetContext<'_>,
) -> Result<Uri, RequestError> {
    // RFC 9112 §3.2.4: the asterisk-form is about the server, not about a path.
    if variables.request_uri == b"*" {
        return Ok(Uri::from_static("*"));
    }
    match context.settings.target {
        RequestTarget::RequestUri if !variables.request_uri.is_empty() => {
            let request_uri = SentTarget::parse(variables.request_uri)?;
            request_uri.to_uri(request_uri.query, params)
        }
        RequestTarget::RequestUri | RequestTarget::ScriptNameAndPathInfo => {
            encode_uri(variables.path(), variables.query_string)
        }
        _ => decide(variables, params, context),
    }
}

/// The part of the `whole` target that the setting selects; `None` if it selects the whole.
pub(in crate::cgi) fn partial_target(
    variables: &TargetVariables<'_>,
    whole: &Uri,
    target: &RequestTarget,
) -> Result<Option<Uri>, RequestError> {
    let prefix = match target {
        RequestTarget::Decided | RequestTarget::RequestUri | RequestTarget::ScriptNameAndPathInfo => {
            return Ok(None);
        }
        _ if whole.path() == "*" => return Ok(Some(whole.clone())),
        RequestTarget::PathInfo => {
            let path = Path::new([variables.path_info.unwrap_or_default(), b""]);
            return encode_uri(path, variables.query_string).map(Some);
        }
        RequestTarget::StripPrefix(prefix) => prefix.as_bytes(),
        RequestTarget::StripScriptName => variables.script_name,
    };
    let target = whole.path_and_query().map_or("", PathAndQuery::as_str).as_bytes();
    let Some(rest) = strip_prefix(target, prefix) else {
        return Err(RequestError(StatusCode::NOT_FOUND, "the target is not below the prefix"));
    };
    let slash: &[u8] = if rest.starts_with(b"/") { b"" } else { b"/" };
    to_uri([slash, rest].concat().into()).map(Some)
}
