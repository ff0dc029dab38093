//! REQUEST_URI: the target as the client spelled it.

use fcgi_core::Params;
use http::{StatusCode, Uri};

use super::path::{EncodedSlash, Path, decode, has_dot_segment, merge_slashes};
use super::{classes, encode, to_uri};
use crate::server::failure::Failure;

/// The parts of REQUEST_URI, without a fragment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent<'a> {
    /// Empty, for `/`, or beginning with a slash.
    pub(super) path: &'a [u8],
    pub(super) query: Option<&'a [u8]>,
    /// Both, if they are all of REQUEST_URI.
    whole: Option<&'a [u8]>,
}

/// How the client's path is decoded to mean the decided one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meaning(EncodedSlash);

impl<'a> Sent<'a> {
    /// Parses the origin-form, or the absolute-form (RFC 9112 §3.2), which nginx sends as a query alone where it had
    /// no path.
    pub(super) fn parse(request_uri: &'a [u8]) -> Result<Self, Failure> {
        let no_path = Failure::Request(StatusCode::BAD_REQUEST, "the request target has no path");
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
        let is_whole = origin.len() == request_uri.len() && !path.is_empty();
        Ok(Self { path, query, whole: is_whole.then_some(request_uri) })
    }

    /// How this path means `decided`, if it does: decoded, and with `//` merged on both sides.
    pub(super) fn meaning(&self, decided: Path<'_>) -> Option<Meaning> {
        [EncodedSlash::Decode, EncodedSlash::Keep]
            .into_iter()
            .find(|slash| self.merged(*slash).eq(merge_slashes(decided.bytes())))
            .map(Meaning)
    }

    /// The path, decoded and with `//` merged.
    pub(super) fn merged(&self, slash: EncodedSlash) -> impl Iterator<Item = u8> + use<'a> {
        merge_slashes(decode(if self.path.is_empty() { b"/" } else { self.path }, slash))
    }

    /// Whether the path has a dot segment once it is decoded so.
    pub(super) fn has_dot_segment(&self, Meaning(slash): Meaning) -> bool {
        has_dot_segment(self.merged(slash))
    }

    /// The target in the client's spelling, with the bytes encoded that a URI cannot have. Shares the PARAMS where
    /// it can.
    pub(super) fn to_uri(self, query: Option<&[u8]>, params: &Params) -> Result<Uri, Failure> {
        if let Some(whole) = self.whole
            && query == self.query
            && classes::is_valid_path(self.path)
            && classes::is_valid_query(query.unwrap_or_default())
        {
            return to_uri(params.encoded().slice_ref(whole));
        }
        to_uri(encode::sent_path(self.path, query))
    }
}

impl Meaning {
    /// `%2F` means a slash.
    pub(super) const DECODED: Self = Self(EncodedSlash::Decode);
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
