//! REQUEST_URI: the target as the client spelled it.

use fcgi_core::Params;
use http::Uri;

use super::path::{EncodedSlash, Path, decode, has_dot_segment, merge_slashes};
use super::uri::to_uri;
use super::{classes, encode};
use crate::cgi::error::RequestError;

/// Path and query of REQUEST_URI, without a fragment.
#[derive(Debug, Clone, Copy)]
pub(super) struct SentTarget<'a> {
    /// Begins with a slash, or is empty, which means `/`.
    pub(super) path: &'a [u8],
    pub(super) query: Option<&'a [u8]>,
    /// REQUEST_URI, if it has nothing but `path` and `query`.
    origin_form: Option<&'a [u8]>,
}

impl<'a> SentTarget<'a> {
    /// Parses the origin-form or the absolute-form (RFC 9112 §3.2). nginx sends a query alone if an absolute-form has
    /// no path.
    pub(super) fn parse(request_uri: &'a [u8]) -> Result<Self, RequestError> {
        let no_path = RequestError::bad_request("the request target has no path");
        let origin = match request_uri.first() {
            Some(b'/' | b'?') => request_uri,
            _ => after_authority(request_uri).ok_or(no_path)?,
        };
        let end = origin.iter().position(|byte| *byte == b'#').unwrap_or(origin.len());
        let origin = &origin[..end];
        let (path, query) = match origin.iter().position(|byte| *byte == b'?') {
            Some(mark) => (&origin[..mark], Some(&origin[mark + 1..])),
            None => (origin, None),
        };
        let is_origin_form = origin.len() == request_uri.len() && !path.is_empty();
        Ok(Self { path, query, origin_form: is_origin_form.then_some(request_uri) })
    }

    /// How `%2F` is decoded so that this path is equivalent to `decided`: both decoded, with `//` merged.
    pub(super) fn equivalent_to(&self, decided: Path<'_>) -> Option<EncodedSlash> {
        [EncodedSlash::Decode, EncodedSlash::Keep]
            .into_iter()
            .find(|slash| self.normalized(*slash).eq(merge_slashes(decided.bytes())))
    }

    /// The path, decoded and with `//` merged.
    pub(super) fn normalized(&self, slash: EncodedSlash) -> impl Iterator<Item = u8> + use<'a> {
        merge_slashes(decode(if self.path.is_empty() { b"/" } else { self.path }, slash))
    }

    /// Whether the decoded path has a dot segment.
    pub(super) fn has_dot_segment(&self, slash: EncodedSlash) -> bool {
        has_dot_segment(self.normalized(slash))
    }

    /// The target in the client's spelling; bytes that are invalid in a URI are encoded. Shares the bytes of `params`
    /// if it can.
    pub(super) fn to_uri(self, query: Option<&[u8]>, params: &Params) -> Result<Uri, RequestError> {
        if let Some(target) = self.origin_form
            && query == self.query
            && classes::is_valid_path(self.path)
            && classes::is_valid_query(query.unwrap_or_default())
        {
            return to_uri(params.encoded().slice_ref(target));
        }
        to_uri(encode::client_path(self.path, query))
    }
}

/// What follows `scheme://authority`.
fn after_authority(target: &[u8]) -> Option<&[u8]> {
    let scheme = target.windows(3).position(|window| window == b"://")?;
    let is_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    if scheme == 0 || !target[..scheme].iter().all(is_scheme) {
        return None;
    }
    let rest = &target[scheme + 3..];
    let end = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
    Some(&rest[end..])
}
