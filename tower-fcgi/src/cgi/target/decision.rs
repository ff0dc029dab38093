//! The target that the web server decided on.
//!
//! Access rules, rewrites and subrequests of a web server apply to SCRIPT_NAME and PATH_INFO. REQUEST_URI is what the
//! client sent before any of that, so only its spelling is used. The rules are those of
//! [`RequestTarget::Decided`](crate::RequestTarget::Decided). They are derived from the recorded requests of
//! `tests/target/README.md` in this crate.

use fcgi_core::{Params, Role};
use http::Uri;
use memchr::memchr;

use super::classes;
use super::front_controller::{ControlledPath, controlled_path};
use super::path::{EncodedSlash, Path, decode, merge_slashes};
use super::request_uri::SentTarget;
use super::uri::{DOT_SEGMENT, encode_uri, to_uri};
use super::variables::{TargetContext, TargetVariables};
use crate::cgi::error::RequestError;

/// The path that the variables decide on.
#[derive(Debug, Clone, Copy)]
enum Decision<'a> {
    /// The client's path, in the client's spelling.
    Client(EncodedSlash),
    /// A path other than the client's.
    Other(Path<'a>),
    /// The percent-encoded path of the request that an Authorizer decides about.
    Authorizer(&'a [u8]),
}

/// The decided target, in the client's spelling where that is equivalent.
pub(super) fn decide(
    variables: &TargetVariables<'_>,
    params: &Params,
    context: TargetContext<'_>,
) -> Result<Uri, RequestError> {
    if is_unchanged(variables) {
        return to_uri(params.encoded().slice_ref(variables.request_uri));
    }
    decide_by_rules(variables, params, context)
}

/// Fast path: whether REQUEST_URI equals the decided target byte for byte, with nothing to decode, encode, merge or
/// reject. It does for most requests, and the full rules give the same target.
fn is_unchanged(variables: &TargetVariables<'_>) -> bool {
    let request_uri = variables.request_uri;
    let end = memchr(b'?', request_uri).unwrap_or(request_uri.len());
    let (path, query) = request_uri.split_at(end);
    let query = query.get(1..).unwrap_or_default();
    variables.path().is(path)
        && variables.query_string.is_none_or(|decided| decided == query)
        && classes::is_plain_path(path)
        && classes::is_valid_query(query)
}

pub(super) fn decide_by_rules<'a>(
    variables: &TargetVariables<'a>,
    params: &'a Params,
    context: TargetContext<'_>,
) -> Result<Uri, RequestError> {
    if variables.request_uri.is_empty() {
        return encode_uri(variables.path(), variables.query_string);
    }
    let client = SentTarget::parse(variables.request_uri)?;
    let query = variables.query_string.or(client.query);
    match decision(variables, client, params, context) {
        Decision::Client(slash) => client_spelling(client, slash, query, params),
        Decision::Authorizer(path) => normalize(path, query),
        Decision::Other(path) => match controlled_path(variables, client, path, params, context) {
            Some(ControlledPath::Client) => {
                client_spelling(client, EncodedSlash::Decode, client.query, params)
            }
            Some(ControlledPath::BeforeRedirect(path)) => match client.equivalent_to(path) {
                Some(slash) => client_spelling(client, slash, client.query, params),
                None => encode_uri(path, client.query),
            },
            None => encode_uri(path, query),
        },
    }
}

fn decision<'a>(
    variables: &TargetVariables<'a>,
    client: SentTarget<'a>,
    params: &'a Params,
    context: TargetContext<'_>,
) -> Decision<'a> {
    // nginx sends the decided path in DOCUMENT_URI, and Caddy sends it empty.
    let document_uri = || params.get("DOCUMENT_URI");
    let compare = |path, decided| match client.equivalent_to(path) {
        Some(slash) => Decision::Client(slash),
        None => Decision::Other(decided),
    };
    if variables.script_name.is_empty() && variables.path_info.is_none() {
        if context.role == Role::AUTHORIZER {
            let changed = params.get("REDIRECT_URI").and_then(|uri| SentTarget::parse(uri).ok());
            return Decision::Authorizer(changed.unwrap_or(client).path);
        }
        return match document_uri().filter(|path| !path.is_empty() && !variables.is_included()) {
            Some(path) => compare(Path::new([path, b""]), Path::new([path, b""])),
            None => {
                context.settings.warned.script_name(context.log);
                Decision::Client(EncodedSlash::Decode)
            }
        };
    }
    let decided = variables.path();
    let found = compare(if decided.is_empty() { Path::new([b"/", b""]) } else { decided }, decided);
    if variables.is_included() || matches!(found, Decision::Client(_)) {
        return found;
    }
    // The web server's configuration may set SCRIPT_NAME by hand.
    match document_uri() {
        Some(b"") => {
            let path = Path::new([variables.path_info.unwrap_or_default(), b""]);
            compare(path, path)
        }
        Some(path) => compare(Path::new([path, b""]), decided),
        None => found,
    }
}

/// The client's target in its own spelling, with the decided `query`.
fn client_spelling(
    client: SentTarget<'_>,
    slash: EncodedSlash,
    query: Option<&[u8]>,
    params: &Params,
) -> Result<Uri, RequestError> {
    if client.has_dot_segment(slash) {
        return Err(DOT_SEGMENT);
    }
    // `/a?` and `/a` have the same QUERY_STRING.
    let is_same = query.unwrap_or_default() == client.query.unwrap_or_default();
    let query = if is_same { client.query } else { query.filter(|query| !query.is_empty()) };
    client.to_uri(query, params)
}

/// The normal form of a path: decoded, with `//` merged, and encoded again. An Authorizer decides about a file, and an
/// unexpected spelling of its path could bypass it.
fn normalize(path: &[u8], query: Option<&[u8]>) -> Result<Uri, RequestError> {
    let path: Vec<u8> = merge_slashes(decode(path, EncodedSlash::Decode)).collect();
    encode_uri(Path::new([&path, b""]), query)
}
